"""Laws of redacting many payloads by one scan: each comes out as it does alone."""

import copy
from typing import Any

import pytest

from sidecar.redact import PIIRedactor, Policy
from sidecar.redact.engine import Found, TooManyError
from sidecar.redact.salvage import DROPPED
from tests.recorded_events import recorded_payloads

SECRETS: list[Any] = [
    {"session_id": "a", "note": "ask jane@example.com", "cwd": "/home/jane/shop"},
    {"session_id": "b", "password": "correct horse", "cwd": "/home/jane/shop"},
    {"session_id": "c", "/Users/jane/a": ["ghp_0123456789abcdefghijABCDEFGHIJ012345", "--password", "hunter2-x"]},
    {"session_id": "d", "ends": "password="},
    {"session_id": "e", "begins": "hunter2-correct-horse", "number": 4111111111111111},
    {"session_id": "f", "ends": "-----BEGIN RSA PRIVATE KEY-----"},
    {"session_id": "g", "begins": "MIIEpAIBAAKCAQEA" * 8},
    {"session_id": "h"},
    None,
]


def failing_on(text: bytes, error: Exception, monkeypatch: pytest.MonkeyPatch) -> PIIRedactor:
    """A redactor whose engine cannot read that text."""
    redactor = PIIRedactor()
    find = redactor._engine.find

    def failing(data: bytes, until: float | None = None) -> list[Found]:
        if text in data:
            raise error
        return find(data, until)

    monkeypatch.setattr(redactor._engine, "find", failing)
    return redactor


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(leave_out=frozenset({"results"}), allow=frozenset({"jane@example.com"}))]
)
def test_each_comes_out_as_alone(policy: Policy) -> None:
    """Value, counts and leaks do not depend on what else is scanned, whatever stands next to it."""
    group = [*SECRETS, *recorded_payloads(), *SECRETS]
    redactor = PIIRedactor(policy)
    alone = [redactor.redact(copy.deepcopy(one)) for one in group]

    assert alone == PIIRedactor(policy).redact_all(copy.deepcopy(group))


def test_nothing_is_nothing() -> None:
    """No payloads give no answers."""
    assert [] == PIIRedactor().redact_all([])


def test_one_that_cannot_be_redacted_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one of them does to the engine, the others keep their content, and its own is dropped."""
    redactor = failing_on(b"poison", RuntimeError(), monkeypatch)
    good = {"session_id": "a1", "note": "ask jane@example.com", "cwd": "/home/jane/shop"}
    first, bad, last = redactor.redact_all([dict(good), {"session_id": "b1", "note": "poison"}, dict(good)])

    assert {"session_id": "b1", "dropped": DROPPED} == bad.value
    assert bad.failed
    assert PIIRedactor().redact(dict(good)) == first == last


def test_a_text_with_too_many_candidates_is_dropped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its payload and of the group stay."""
    redactor = failing_on(b"crowd", TooManyError(), monkeypatch)
    first, last = redactor.redact_all([{"a": "x", "b": "crowd"}, {"a": "jane@example.com"}])

    assert ({"a": "x", "b": DROPPED}, True) == (first.value, first.failed)
    assert ("jane@" not in str(last.value), False) == (True, last.failed)
