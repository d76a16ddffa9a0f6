"""Laws of everything that reads what others wrote: it answers or refuses in its own words, whatever comes."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar import wire
from sidecar.agents import normaliser_of
from sidecar.agents.guide import normalise as guide
from sidecar.edges import metadata_at
from sidecar.errors import BadRequestError, LeanvibeError, MediaTypeError
from sidecar.front.live.websocket import sequence
from sidecar.front.receive.batch import incoming_events
from sidecar.front.receive.body import media_type
from sidecar.front.receive.guards import access_policy, refusal_of
from sidecar.intake import Incoming, incoming_of, prepared
from sidecar.redact import PIIRedactor, decode, encode

NAMES = st.sampled_from([
    "session_id", "hook_event_name", "event_type", "tool_name", "tool_input", "tool_response", "tool_use_id", "cwd",
    "agent_id", "agent_type", "prompt_id", "timestamp", "duration_ms", "execution_time_ms", "success", "error",
    "event_id", "parameters", "result", "message", "reason", "password", "name", "value", "x" * 200, "",
])  # fmt: skip
TEXT = st.text(max_size=30) | st.sampled_from([
    "PreToolUse", "PRE_TOOL_USE", "jane@example.com", "2026-01-31T12:00:00", "\ud800", "\x00", "-1", "1e999",
    "9" * 400, "AKIAIOSFODNN7EXAMPLE", "../../etc/passwd", "4111 1111 1111 1111",
])  # fmt: skip
NUMBERS = st.integers(-(10**400), 10**400) | st.floats()
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXT, inner, max_size=6),
    max_leaves=25,
)
PAYLOADS = st.dictionaries(NAMES, ANYTHING, max_size=12)
BROKEN = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"1", b"null", b"\xff", b'"a"', b" "]),
    max_size=60,
).map(b"".join)
FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_redactor = PIIRedactor()


@FEW
@given(BROKEN)
def test_decoders_say_value_error_only(body: bytes) -> None:
    """A body is JSON or it is not; what is, can be written again."""
    try:
        value = decode(body)
    except ValueError:
        return
    assert decode(encode(value)) is not NotImplemented


@FEW
@given(PAYLOADS, st.sampled_from(["claude-code", ""]))
def test_any_object_is_taken_or_refused(payload: dict[str, Any], agent: str) -> None:
    """Redaction and normalising of any object end with an event that can be stored, or with a refusal."""
    body = json.dumps(payload, ensure_ascii=True).encode()
    normalise = normaliser_of(agent) if agent else guide
    try:
        event = prepared(incoming_of(body), normalise, _redactor, "h").event
    except BadRequestError:
        return
    assert isinstance(decode(bytes(event.payload)), dict)
    assert b"jane@example.com" not in msgspec.json.encode(event)
    assert b"AKIAIOSFODNN7EXAMPLE" not in msgspec.json.encode(event)


@FEW
@given(BROKEN, st.sampled_from(["application/json", "application/x-ndjson"]))
def test_batches_are_cut_or_refused(body: bytes, kind: str) -> None:
    """Bytes are one event, many with a result each, or refused."""
    try:
        events = incoming_events(body, kind)
    except BadRequestError:
        return
    assert events is None or all(isinstance(one, Incoming | BadRequestError) for one in events)


@FEW
@given(ANYTHING)
def test_the_redactor_never_raises(value: Any) -> None:
    """Whatever JSON it is given, something that can be kept comes out."""
    encode(_redactor.redact(value).value)


@FEW
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_the_ends_of_anything_give_a_session(head: bytes, tail: bytes) -> None:
    """Of a body that is too large there is always a session and the reason."""
    found = metadata_at(head + b'"session_id":"s"', tail, 10**9, "over_size_limit")
    assert {"session_id", "content_dropped"} <= found.keys()


@FEW
@given(st.text() | st.text("0123456789+-_ \u0661\u00b2", max_size=25) | st.none())
def test_a_sequence_number_is_one_or_none(text: str | None) -> None:
    """`after=` is a number that the store can hold, or none."""
    found = sequence(text)
    assert found is None or 0 <= found < 2**63


@FEW
@given(
    st.text(max_size=60),
    st.dictionaries(
        st.sampled_from([b"host", b"origin", b"sec-fetch-site", b"authorization", b"cookie", b"content-type"]),
        st.binary(max_size=60) | st.just(b"localhost"),
    ),
)
def test_guards_decide_about_anything(path: str, headers: dict[bytes, bytes]) -> None:
    """Any path and headers are let in or refused, and nothing that reads is let in without the token."""
    refused = refusal_of(access_policy("127.0.0.1", [], "the-token"), f"/api/v1/observability/events{path}", headers)
    assert refused is not None
    with contextlib.suppress(MediaTypeError):
        assert "json" in media_type(headers.get(b"content-type"))


@settings(max_examples=40, deadline=None)
@given(questions=st.lists(st.binary(max_size=80) | st.just(b"\xff" * 4) | st.just(b"\x00\x00\x00\x02{}"), max_size=4))
def test_the_wire_survives_what_is_no_question(
    questions: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Bytes that are no question end their own connection; the next question is answered."""
    asyncio.run(_ask_among(tmp_path_factory.mktemp("wire"), questions))


async def _ask_among(folder: Path, questions: list[bytes]) -> None:
    async def echo(op: str, args: dict[str, Any]) -> Any:
        if op != "echo":
            raise LeanvibeError("unknown")
        return args

    server = await wire.serve(folder, echo)
    try:
        for question in questions:
            _, writer = await asyncio.open_unix_connection(str(folder / wire.SOCKET_FILE))
            writer.write(question)
            writer.close()
        assert {"a": 1} == msgspec.json.decode(await wire.ask(folder, "echo", {"a": 1}, 5))
    finally:
        server.close()
