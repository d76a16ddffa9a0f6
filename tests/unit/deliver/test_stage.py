"""Stages between the journal and exporters: what they hold back is opened again after a restart."""

import msgspec
import pytest

from sidecar.worker.deliver.stage import TraceStage
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
