"""Laws of telling one event from many."""

import pytest

from sidecar.errors import BadRequestError, TooLargeError
from sidecar.front.receive import batch
from sidecar.front.receive.batch import MAX_EVENTS, incoming_events

ARRAY, LINES = "application/json", "application/x-ndjson"
TINY = 30_000_000


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" + b"1," * TINY + b"1]", ARRAY),
        (b"[" + b"{}," * (TINY // 2) + b"{}]", ARRAY),
        (b'"\n{"session_id":"s","c":[' + b"1," * TINY + b"1]}\n", LINES),
        ((b"[" + b"1," * 200_000 + b"1]\n") * 20, LINES),
    ],
    ids=["an array of numbers", "an array of objects", "behind a line with one quote", "many lines of many"],
)
def test_more_values_than_memory_are_refused(body: bytes, kind: str) -> None:
    """A request is bounded in values, not only in bytes, before it is built."""
    with pytest.raises(TooLargeError, match="values in one request"):
        incoming_events(body, kind)


@pytest.mark.parametrize(("start", "between", "end", "kind"), [(b"[", b",", b"]", ARRAY), (b"", b"\n", b"", LINES)])
def test_as_many_events_as_may_be(start: bytes, between: bytes, end: bytes, kind: str) -> None:
    """At the bound each event gets its place, one beyond it none does."""
    event = b'{"session_id":"s","a":[1,2,{"b":"[,{"}]}'
    events = incoming_events(start + between.join([event] * MAX_EVENTS) + end, kind)
    assert events is not None
    assert MAX_EVENTS == len(events)
    with pytest.raises(BadRequestError, match="more than"):
        incoming_events(start + between.join([event] * (MAX_EVENTS + 1)) + end, kind)


def test_values_are_counted_over_all_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line may be small: what counts is all of them."""
    monkeypatch.setattr(batch, "MAX_REQUEST_VALUES", 20)
    assert incoming_events(b"[1,2,3]\n" * 3, LINES)
    with pytest.raises(TooLargeError):
        incoming_events(b"[1,2,3]\n" * 6, LINES)
