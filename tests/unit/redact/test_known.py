"""Laws of the memory for texts that come again: the same answer each time, no secret kept, a bound."""

from typing import Any

import pytest

from sidecar.redact import PIIRedactor, Policy, known

EVENT = {
    "cwd": "/home/jane/shop",
    "/Users/jane/a": ["/home/jane/shop", "plain"],
    "password": "/home/jane/shop",
    "note": "ask jane@example.com",
    "key": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
}


def event() -> dict[str, Any]:
    return {**EVENT, "/Users/jane/a": list(EVENT["/Users/jane/a"])}


@pytest.mark.parametrize("policy", [Policy(), Policy(actions={"home-path": "hash"}, hash_key=b"k" * 16)])
def test_the_second_event_is_redacted_as_the_first(policy: Policy) -> None:
    """Values, keys, counts and leaks are the same, whether a text is new or known."""
    redactor = PIIRedactor(policy)
    first, second = redactor.redact(event()), redactor.redact(event())

    assert first == second
    assert list(first.value) == list(second.value)
    assert "jane" not in str(second.value)
    assert 3 == second.counts["home-path"]


def test_what_a_secret_was_found_in_is_not_kept() -> None:
    """Only texts without a find, and paths, stay in memory."""
    redactor = PIIRedactor()
    redactor.redact(event())

    assert {"/home/jane/shop", "/Users/jane/a", "plain"} == set(redactor._known)


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever new texts do not grow it, and long ones are not kept at all."""
    monkeypatch.setattr(known, "_MOST", 3)
    redactor = PIIRedactor()
    redactor.redact([f"text {number}" for number in range(10)])
    redactor.redact(["x" * 1000])

    assert len(redactor._known) <= 3
    assert all(len(text) <= known.LONGEST_KNOWN for text in redactor._known)
