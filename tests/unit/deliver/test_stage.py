"""Stages between the journal and exporters: what they hold back is opened again after a restart."""

from collections.abc import Iterator, Sequence

import msgspec
import pytest

from sidecar.errors import StoreError
from sidecar.events import HookEvent
from sidecar.otel.open_turn import IDLE_US
from sidecar.worker.deliver.stage import Held, TraceStage
from tests import recorded


@pytest.mark.parametrize("with_times", [True, False])
def test_what_was_held_back_is_opened_again(with_times: bool) -> None:
    """A kept state names the open traces; one without their times, as it once was, means all of their sessions."""
    events = [one for one in recorded.session("basic") if one.hook_event_name not in {"Stop", "SessionEnd"}]
    stage = TraceStage()
    left = stage.feed(events)
    state = stage.state() if with_times else msgspec.json.encode(list(msgspec.json.decode(stage.state()))).decode()

    again = TraceStage()
    held = again.held(state)
    again.restore(held, left, [events])

    assert stage.held(stage.state()).keys() == held.keys() == again.held(again.state()).keys()
    assert with_times == all(held.values())


def two_turns() -> list[HookEvent]:
    """A turn that is over, and hours later the beginning of another."""
    turn = recorded.session("basic")
    later = {"received_at": turn[-1].received_at + 4 * IDLE_US, "event_id": "later", "session_id": "another"}
    return [*turn, msgspec.structs.replace(turn[0], **later)]


def begun(events: Sequence[HookEvent]) -> Held:
    return {one.trace_id or "": one.received_at for one in reversed(events)}


def test_reading_that_fails_in_the_middle_costs_no_span() -> None:
    """What left while the store was read in vain leaves when it is read again: nobody else has it."""
    events = two_turns()
    expected = TraceStage()
    expected.restore(begun(events), [], [events])

    def broken() -> Iterator[Sequence[HookEvent]]:
        yield events
        raise StoreError("short of memory")

    stage = TraceStage()
    with pytest.raises(StoreError):
        stage.restore(begun(events), [], broken())
    stage.restore(begun(events), [], [events])

    spans = expected.feed([])
    assert spans
    assert spans == stage.feed([])


def test_an_event_that_cannot_be_mapped_costs_no_span_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a restart left to be sent leaves with the next event that is good."""
    events = two_turns()
    expected, stage = TraceStage(), TraceStage()
    for one in (expected, stage):
        one.restore(begun(events), [], [events])

    with monkeypatch.context() as patched:
        patched.setattr("sidecar.otel.turns.digest_of", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stage.feed([one for one in events if one.hook_event_name == "Stop"])

    spans = expected.feed([])
    assert spans
    assert spans == stage.feed([])
