"""When redaction cannot finish, content is dropped, never passed on."""

import base64
import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from sidecar.agents import normaliser_of
from sidecar.errors import BadRequestError
from sidecar.intake import incoming_of, prepared
from sidecar.redact import PIIRedactor, encode
from sidecar.redact import engine as engine_module
from sidecar.redact.salvage import DROPPED

SECRET = "hunter2-correct-horse"
EVENT = {
    "session_id": "02639198-5b19-43b8-be2b-d0421d0fd7a3",
    "tool_use_id": "toolu_56e3aae2ac774f9e90d12e",
    "hook_event_name": "PostToolUse",
    "tool_name": "Bash",
    "cwd": "/srv/shop",
    "tool_response": {"stdout": SECRET},
}
KEPT = {key: EVENT[key] for key in ("session_id", "tool_use_id", "hook_event_name", "tool_name")}
SIZE = 300_000


def event() -> dict[str, Any]:
    return {**EVENT, "tool_response": dict(EVENT["tool_response"])}  # type: ignore[call-overload]


def test_an_exception_drops_all_but_ids(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever breaks inside, what comes out holds ids and kinds only, and nothing is logged or raised."""
    redactor = PIIRedactor()

    def broken(_texts: Sequence[bytes], _until: float | None) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(redactor._engine, "find_all", broken)
    redacted = redactor.redact(event())
    assert redacted.failed
    assert redacted.value == {**KEPT, "dropped": DROPPED}
    assert SECRET not in caplog.text
    assert redactor.redact_text(SECRET) == DROPPED


@pytest.mark.parametrize("name", ["session_id", "tool_name", "hook_event_name"])
@pytest.mark.parametrize(
    "value", ["jane@example.com", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "a b", "x" * 500, 7]
)
def test_what_is_no_id_is_not_kept(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    """After a failure only what has the form of an id stays in the fields that hold ids."""
    redactor = PIIRedactor()
    monkeypatch.setattr(redactor, "_find", None)
    assert redactor.redact({name: value}).value == {"dropped": DROPPED}


def test_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that takes longer than its budget costs the event its content."""
    monkeypatch.setattr(engine_module, "SECONDS", 0.0)
    redacted = PIIRedactor().redact({**event(), "text": "a1@example.com " * 2000})
    assert redacted.failed
    assert redacted.value == {**KEPT, "dropped": DROPPED}


def test_too_many_candidates_cost_only_that_string() -> None:
    """A string that is all candidates is dropped; the others of the event are redacted and stay."""
    redacted = PIIRedactor().redact({**event(), "flood": "token=" * 50_000, "mail": "x@example.com", "note": "hello"})
    assert redacted.failed
    assert tuple(redacted.value[key] for key in ("flood", "mail", "note")) == (
        DROPPED,
        "[EMAIL_REDACTED]",
        "hello",
    )


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "4111 1111 1111 1111 ",
        "a@",
        "+1 2 ",
        "password=",
        "key: ",
        'token="',
        "://a:",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----" + "Comment: " * 40,
        "-----BEGIN PRIVATE KEY-----" + "1:" * 60,
        "Digest " + "ab=\\\\\\x, " * 12,
        "password) values (" + "a,  " * 14,
        "cookie: " + "a=b;  " * 12,
        "password,\\nfoo|a,",
        "a,password\\nb,c\\n",
        "session'," + "\\na:1," * 10,
        'session",' + '\\"name\\":\\"v\\",' * 10,
        'password field",' + '\\n\\t"a":"b",' * 5,
        'secret": {' + '"sensitive": true,\\n\\n' * 3 + '"value":',
        "htpasswd -b -b -b -b 'a' 'a' 'a ",
        'assword: "' + " ; {" * 4,
        "following password to proceed:" + "\n" * 12,
        "тел 1234567 ",
        "cGFzc3dvcm",
        "eyJ",
        "eyJaaaaaaaaaaaaa.",
        "/home/a",
        "sk-",
        "curl -u ",
        "mysql a ",
        "docker login b ",
        "\\",
        "(1",
        "a.",
        "$1$",
        "GB29 NWBK ",
        "phone 1234567 ",
        "\n",
        '"',
        "x1",
        "key:\n",
        "AAAA",
        "-1",
        "secret-",
        "a_live_",
        "Bearer ",
        "[",
        "\u00e9@",
        "\U0001f600",
    ],
)
def test_hostile_repeats(redactor: PIIRedactor, unit: str) -> None:
    """Text made to be slow is redacted, dropped, or costs the event all content once time is up; it never raises."""
    redacted = redactor.redact({"session_id": "s-1", "text": unit * (SIZE // len(unit))})
    assert redacted.value["session_id"] == "s-1"
    assert redacted.failed == (redacted.value.get("text", DROPPED) == DROPPED)


def test_long_single_tokens(redactor: PIIRedactor) -> None:
    """One endless token behind a name is taken whole or up to a bound, in time that grows with its length."""
    blob = base64.b64encode(random.Random(1).randbytes(SIZE)).decode()
    assert blob[:4000] not in redactor.redact_text(f"api_key = {blob}")


def test_deep_nesting(redactor: PIIRedactor) -> None:
    """Nesting that would break a recursive walk is walked."""
    value: Any = "x@example.com"
    for _ in range(50_000):
        value = [value]
    redacted = redactor.redact(value).value
    while isinstance(redacted, list):
        redacted = redacted[0]
    assert redacted == "[EMAIL_REDACTED]"


def test_threads(redactor: PIIRedactor) -> None:
    """One redactor serves many threads at once with the same results."""
    results: list[str] = []

    def work() -> None:
        results.extend(redactor.redact_text("mail jane@example.com " * 50) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {"mail [EMAIL_REDACTED] " * 50} == set(results)
    assert len(results) == 400


@pytest.mark.parametrize("given", ["ghp_0123456789abcdefghijABCDEFGHIJ012345", "jane@example.com"])
@pytest.mark.parametrize("inside", [True, False])
def test_an_id_that_is_a_secret_is_refused(given: str, inside: bool) -> None:
    """Ids are kept as they were given, in the body or beside it: one that would be redacted is none."""
    body = {"session_id": "s", "hook_event_name": "Stop", **({"event_id": given} if inside else {})}
    incoming = incoming_of(encode(body), None if inside else given)

    with pytest.raises(BadRequestError) as refused:
        prepared(incoming, normaliser_of("claude-code"), PIIRedactor(), "host")
    assert given not in str(refused.value)
