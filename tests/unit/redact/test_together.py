"""Laws of redacting many payloads by one scan: each comes out as it does alone."""

import copy
from collections.abc import Sequence
from itertools import chain, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import PIIRedactor, Policy
from sidecar.redact.engine import Found, TooManyError
from sidecar.redact.rules import shipped
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

NEIGHBOURS = [
    "https://x",
    "git clone https://u",
    "x" * 40 + " \\u0041b",
    "x" * 39 + " a%5fb",
    'he said "hi"',
    "setx ",
    "ENV ",
    "login",
    "password: ",
    "token=",
    "Authorization: Bearer ",
    "ABCDEFGHIJKLMNOP+",
    "-----BEGIN PRIVATE KEY-----",
    "4111 ",
    "ssn ",
    "a\\",
    "\x1b[",
    ")",
]
"""Texts whose end would change what a text begins with, were they one."""
PIECES = st.sampled_from(
    [*NEIGHBOURS, '"', "'", "@example.com", "jane", "://", "hunter2-x9", "\\n", " ", "=", "123-45-6789", "GB29 NWBK"]
)
AT_ONCE = 16
"""Examples of one scan, each between two neighbours: most of what a scan of short texts costs is its beginning."""
REDACTOR = PIIRedactor()


def failing_on(text: bytes, error: Exception, monkeypatch: pytest.MonkeyPatch) -> PIIRedactor:
    """A redactor whose engine cannot read that text."""
    redactor = PIIRedactor()
    find_all = redactor._engine.find_all

    def failing(texts: Sequence[bytes], until: float | None = None) -> dict[int, list[Found]]:
        if any(text in one for one in texts):
            raise error
        return find_all(texts, until)

    monkeypatch.setattr(redactor._engine, "find_all", failing)
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


@pytest.mark.parametrize("engine", ["hyperscan", "python"])
def test_no_text_hides_what_another_holds(engine: str) -> None:
    """Every example of every rule comes out as it does alone, whatever text is scanned before or behind it."""
    redactor = PIIRedactor(engine=engine)
    examples = [example for rule in shipped() for example in rule.match]
    alone = {example: spans_of(redactor, [example])[0] for example in examples}

    for neighbour, start in product(NEIGHBOURS, range(0, len(examples), AT_ONCE)):
        some = examples[start : start + AT_ONCE]
        texts = [neighbour, *chain.from_iterable((example, neighbour) for example in some)]
        together = dict(zip(some, spans_of(redactor, texts)[1::2], strict=True))
        assert {example: alone[example] for example in some} == together, neighbour


@given(st.lists(PIECES, min_size=1, max_size=6), st.lists(PIECES, min_size=1, max_size=6))
def test_texts_do_not_meet(one: list[str], other: list[str]) -> None:
    """What is found in two texts is the same together and apart, however their ends would fit together."""
    texts = ["".join(one), "".join(other)]
    assert [spans_of(REDACTOR, [text])[0] for text in texts] == spans_of(REDACTOR, texts)


def spans_of(redactor: PIIRedactor, texts: Sequence[str]) -> list[list[Found]]:
    """What is found in each of them when all are scanned together."""
    found = redactor._engine.find_all([text.encode() for text in texts])
    return [found.get(number, []) for number in range(len(texts))]


def test_a_neighbour_teaches_nothing_wrong() -> None:
    """A text that came beside another one is taken out when it comes again, alone."""
    redactor = PIIRedactor()
    first = redactor.redact({"url": "https://shop", "to": "mailto:alice.jones@example.com"}).value
    again = redactor.redact({"to": "mailto:alice.jones@example.com"}).value

    assert first["to"] == again["to"] == "mailto:[EMAIL_REDACTED]"
