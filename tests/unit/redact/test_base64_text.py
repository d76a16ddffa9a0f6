"""Text in base64 is read as what it says."""

import base64
import random

import pytest

from sidecar.redact import PIIRedactor
from sidecar.redact.base64_text import Span, finder
from sidecar.redact.rules import shipped

ENV = "NAME=shop\nDB_HOST=db.internal\nAPI_TOKEN=q9w8e7r6t5y4u3i2o1p0\nDEBUG=1\n"
RULE = next(rule for rule in shipped() if rule.id == "base64-text")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize(
    "around", ["{}", "data: {}", "echo {} | base64 -d", '"{}"', "data:text/plain;base64,{}", "/{}"]
)
def test_a_secret_inside_goes_with_its_run(redactor: PIIRedactor, shift: int, around: str) -> None:
    """At each offset, behind a slash too; what stands around the run stays."""
    run = encoded("x" * shift + ENV)

    redacted = redactor.redact_text(around.format(run))

    assert run[8:-8] not in redacted
    assert redacted.startswith(around.partition("{}")[0].removesuffix("/"))
    assert redacted.endswith(around.partition("{}")[2])


def test_lines_that_are_wrapped_go_together(redactor: PIIRedactor) -> None:
    """`base64 .env` breaks its output into lines; the secret may stand in any two of them."""
    run = base64.encodebytes((ENV + "A=1\n" * 40).encode()).decode()
    redacted = redactor.redact_text(f"$ base64 .env\n{run}$ ls")

    assert redacted.startswith("$ base64 .env\n")
    assert redacted.endswith("$ ls")
    assert [line for line in run.split() if line in redacted] == []


def test_what_holds_no_secret_stays(redactor: PIIRedactor) -> None:
    """Code that speaks of passwords, pictures and other bytes."""
    for text in (
        encoded("password = os.environ['DB_PASSWORD']\ntoken = get_token()\n"),
        encoded("the password field and the token bucket"),
        base64.b64encode(random.Random(4648).randbytes(40_000)).decode(),
    ):
        assert text == redactor.redact_text(text)


def test_a_run_is_read_once_for_all_its_hints() -> None:
    """However many words in a run look telling, it is decoded for the first of them only."""
    read: list[bytes] = []

    def search(data: bytes) -> list[tuple[int, int, object]]:
        read.append(data)
        return []

    find = finder(RULE, search)  # type: ignore[arg-type]
    data = encoded("password password password password ").encode()
    hints = [at for at in range(len(data)) if data.startswith(tuple(gate.encode() for gate in RULE.gate), at)]
    found: list[Span | None] = [find(data, at, at + 1) for at in hints]

    assert len(hints) > 1
    assert set(found) == {None}
    assert len(read) == 1
