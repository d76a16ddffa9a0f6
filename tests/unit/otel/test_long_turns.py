"""Long turns: finished calls leave before the turn, and no trace grows beyond what backends take."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.otlp.encode import wire_span
from sidecar.events import HookEvent
from sidecar.otel import semconv
from sidecar.otel.early import AT_ONCE, LONG_TURNS, Early
from sidecar.otel.memory import is_turn_root
from sidecar.otel.model import Span
from sidecar.otel.open_turn import IDLE_US
from sidecar.otel.parts import size_of
from sidecar.otel.turns import TurnAssembler
from tests import recorded
from tests.unit.otel.test_any_session import sessions

SECOND = 1_000_000
SMALL = 1500


def turn(calls: int, pause: float = 1.0, *, ended: bool = True) -> list[HookEvent]:
    """A turn of so many calls, one after the other, each answered after half the pause."""
    bodies = [({"hook_event_name": "UserPromptSubmit"}, 0.0)]
    for number in range(calls):
        call = {"tool_name": "Bash", "tool_use_id": f"t{number}"}
        bodies.append((call | {"hook_event_name": "PreToolUse"}, (number + 1) * pause))
        bodies.append((call | {"hook_event_name": "PostToolUse", "duration_ms": 5}, (number + 1.5) * pause))
    bodies += [({"hook_event_name": "Stop"}, (calls + 2) * pause)] if ended else []
    ids = {"session_id": "s", "prompt_id": "p"}
    return [recorded.event(body | ids, at, seq) for seq, (body, at) in enumerate(bodies, start=1)]


def run(events: Sequence[HookEvent], early: Early = LONG_TURNS, size: int = 1) -> list[Span]:
    turns, left = TurnAssembler(early=early), []
    for begin in range(0, len(events), size):
        left += turns.feed(events[begin : begin + size], 0)
    return left + turns.feed([], max(one.received_at for one in events) + 2 * IDLE_US)


def by_id(spans: Sequence[Span]) -> dict[tuple[str, str], Span]:
    found = {(span.trace_id, span.span_id): span for span in spans}
    assert len(spans) == len(found)
    return found


def test_a_short_turn_leaves_as_a_whole() -> None:
    """Nothing of a turn of a minute leaves before its end."""
    turns = TurnAssembler()
    events = turn(20, 3.0, ended=False)
    assert [] == turns.feed(events, 0)
    assert [] == turns.feed([], events[-1].received_at + 60 * SECOND)


@pytest.mark.parametrize(("calls", "pause"), [(4, 60.0), (500, 0.01)])
def test_calls_of_a_long_turn_leave_early(calls: int, pause: float) -> None:
    """After three minutes, or many events, the calls that ended leave; the root only with the turn."""
    turns = TurnAssembler()
    events = turn(calls, pause, ended=False)
    early = turns.feed(events, 0) + turns.feed([], events[-1].received_at + 60 * SECOND)
    assert {f"t{number}" for number in range(calls)} == {span.attributes[semconv.TOOL_CALL_ID] for span in early}
    assert 1 == len(turns.under_way)


@pytest.mark.parametrize("early", [LONG_TURNS, AT_ONCE])
def test_leaving_early_changes_no_span(early: Early) -> None:
    """What leaves early and what leaves with the turn are together what would have left at once."""
    never = Early(after_us=2**62, events=2**62, every_us=1)
    for events in (turn(40, 20.0), *(recorded.session(name) for name in recorded.NAMES)):
        assert by_id(run(events, never)) == by_id(run(events, early))


@given(sessions(), st.integers(0, 13), st.sampled_from([LONG_TURNS, AT_ONCE]), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_small_parts_hold_all_laws(
    monkeypatch: pytest.MonkeyPatch, events: list[HookEvent], cut: int, early: Early, data: st.DataObject
) -> None:
    """With tiny parts too: no span twice, no parent missing, the same after a restart and in any order."""
    monkeypatch.setattr("sidecar.otel.parts.MAX_TRACE_BYTES", SMALL)
    expected = run(events, early)
    known = by_id(expected)
    for span in expected:
        assert span.parent_span_id is None or (span.trace_id, span.parent_span_id) in known
        assert set() == set(span.attributes) - semconv.SPAN_ATTRIBUTES
    mixed = [*events, *events[::2]]
    data.draw(st.randoms(use_true_random=False)).shuffle(mixed)
    assert [msgspec.json.encode(span) for span in expected] == [
        msgspec.json.encode(span) for span in run(mixed, early, len(mixed))
    ]
    assert known == by_id(restarted(events, cut, early))


def restarted(events: list[HookEvent], cut: int, early: Early) -> list[Span]:
    before, left = TurnAssembler(early=early), []
    for one in events[:cut]:
        left += before.feed([one], 0)
    held = before.open_turns()
    after = TurnAssembler(early=early)
    after.remember(left)
    left += after.restore(held, [recorded.stored_since(held, events[:cut])])
    for one in events[cut:]:
        left += after.feed([one], 0)
    return left + after.feed([], max(one.received_at for one in events) + 2 * IDLE_US)


def test_a_huge_turn_goes_on_in_linked_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trace is larger than the bound; each part has a root, which and the turn's own root point at each other."""
    monkeypatch.setattr("sidecar.otel.parts.MAX_TRACE_BYTES", 20_000)
    spans = run(turn(300, 2.0))
    sizes: dict[str, int] = {}
    for span in spans:
        sizes[span.trace_id] = sizes.get(span.trace_id, 0) + wire_span(span).ByteSize()
    root = next(span for span in spans if is_turn_root(span))
    parts = [span for span in spans if semconv.TURN_PART in span.attributes]
    assert spans[-1] == root
    assert len(sizes) == len(parts) + 1 > 5
    assert max(sizes.values()) < 20_000
    assert [(part.trace_id, part.span_id) for part in parts] == [(link.trace_id, link.span_id) for link in root.links]
    assert {(root.trace_id, root.span_id)} == {(link.trace_id, link.span_id) for part in parts for link in part.links}
    assert (
        300
        == root.attributes[semconv.TURN_TOOL_CALLS]
        == len([s for s in spans if semconv.TOOL_NAME in s.attributes])
    )


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (None, True),
        ({"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "t"}, False),
        ({"hook_event_name": "PostToolUse", "tool_name": "Read", "tool_use_id": "u"}, True),
        ({"hook_event_name": "PostToolBatch", "tool_calls": []}, False),
        ({"hook_event_name": "Stop"}, False),
    ],
)
def test_a_permission_waits_until_something_ends(answer: dict[str, str] | None, waits: bool) -> None:
    """A request waits until a call of its tool, or the agent's batch or turn, ends."""
    asked = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
    bodies = [{"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "t"}, asked]
    bodies += [answer] if answer else []
    ids = {"session_id": "s", "prompt_id": "p"}
    turns = TurnAssembler()
    events = [recorded.event(body | ids, 0.1 * seq, seq) for seq, body in enumerate(bodies)]
    turns.feed(events, 0)
    expected = events[1].received_at if waits else None
    assert [expected] == [one.waiting_since for one in turns.under_way]


@pytest.mark.parametrize("name", recorded.NAMES)
def test_sizes_are_not_underrated(name: str) -> None:
    """A span counts at least as many bytes as it takes on the wire."""
    for span in run(recorded.session(name)):
        assert size_of(span) >= wire_span(span).ByteSize()
