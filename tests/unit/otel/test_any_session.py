"""Laws that hold for any events whatever, not only for those that a client would send."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.events import HookEvent
from sidecar.otel import semconv
from sidecar.otel.digest import digest_of
from sidecar.otel.kinds import GUIDE, NATIVE
from sidecar.otel.model import Span
from sidecar.otel.open_turn import IDLE_US
from sidecar.otel.turns import TurnAssembler
from tests.recorded import event, stored_since

FEW = st.sampled_from(["a", "b", "c"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "tool_name": st.sampled_from(["Agent", "Bash", "mcp__x__y"]),
    "tool_use_id": FEW,
    "agent_id": FEW,
    "prompt_id": st.sampled_from(["p1", "p2"]),
    "tool_input": st.sampled_from([{"x": 1}, {"x": 2}]),
    "tool_response": st.fixed_dictionaries({"agentId": FEW, "status": st.just("completed")}) | JSON,
    "tool_calls": st.lists(st.fixed_dictionaries({"tool_use_id": FEW, "tool_name": st.just("Bash")}), max_size=2),
    "background_tasks": st.lists(
        st.fixed_dictionaries({"id": FEW, "type": st.just("subagent"), "status": st.just("running")}),
        max_size=2,
    ),
    "error": st.sampled_from(["Exit code 3", "overloaded", "boom"]),
    "duration_ms": st.sampled_from([0, 1.5, 1e9, -4, 1e308, float("inf"), float("nan")]),
    "success": st.booleans(),
}
WEIRD = dict.fromkeys(("tool_input", "tool_response", "tool_calls", "background_tasks", "effort", "prompt"), JSON)


@st.composite
def sessions(draw: st.DrawFn) -> list[HookEvent]:
    """Some events of two sessions, in order of their receipt, some at the same moment."""
    names = draw(st.lists(st.sampled_from([*NATIVE, *GUIDE, "SessionStart"]), min_size=1, max_size=14))
    at, found = 0.0, []
    for seq, name in enumerate(names, start=1):
        at += draw(st.sampled_from([0.0, 0.1, 2.0, 1000.0, 4000.0]))
        body = draw(st.fixed_dictionaries({"session_id": st.sampled_from(["s1", "s2"])}, optional=FIELDS))
        guide = name in GUIDE
        body |= {"event_type": name} if guide else {"hook_event_name": name}
        body["session_id"] += "-guide" if guide else ""
        found.append(event(body, at, seq, agent="custom" if guide else "claude-code"))
    return found


@st.composite
def shared_sessions(draw: st.DrawFn) -> list[HookEvent]:
    """Some events of two main agents, in one session and without prompts."""
    kinds = st.sampled_from(["AGENT_START", "PRE_TOOL_USE", "POST_TOOL_USE", "AGENT_STOP"])
    steps = draw(
        st.lists(st.tuples(kinds, st.sampled_from([None, "a", "b"]), st.sampled_from([0.1, 3.0])), max_size=14)
    )
    at, found = 0.0, []
    for seq, (name, agent_id, pause) in enumerate(steps, start=1):
        at += pause
        body = {"session_id": "s", "event_type": name, "agent_id": agent_id, "tool_name": "Bash"}
        found.append(event(body, at, seq, agent="custom"))
    return found


def finish(turns: TurnAssembler, events: Sequence[HookEvent]) -> list[Span]:
    return turns.feed([], max(one.received_at for one in events) + 2 * IDLE_US)


def run(events: Sequence[HookEvent], size: int = 1) -> list[Span]:
    turns, left = TurnAssembler(), []
    for begin in range(0, len(events), size):
        left += turns.feed(events[begin : begin + size], 0)
    return left + finish(turns, events)


@given(sessions())
@settings(max_examples=150, deadline=None)
def test_spans_are_always_well_formed(events: list[HookEvent]) -> None:
    """No id twice, no parent missing, no circle, no end before start, known names only."""
    spans = run(events)
    known = {(span.trace_id, span.span_id): span for span in spans}
    assert len(spans) == len(known)
    for span in spans:
        assert span.end_ns >= span.start_ns
        assert set() == set(span.attributes) - semconv.SPAN_ATTRIBUTES
        assert span.parent_span_id is None or (span.trace_id, span.parent_span_id) in known
        above, steps = span, 0
        while above.parent_span_id is not None:
            above, steps = known[above.trace_id, above.parent_span_id], steps + 1
            assert steps <= len(spans)


@given(sessions(), st.data())
@settings(max_examples=100, deadline=None)
def test_grouping_order_and_repeats_change_nothing(events: list[HookEvent], data: st.DataObject) -> None:
    """Fed one by one, in one piece, shuffled or twice: the same spans in the same order, byte by byte."""
    expected = [msgspec.json.encode(span) for span in run(events)]
    mixed = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=5))]
    data.draw(st.randoms(use_true_random=False)).shuffle(mixed)
    assert expected == [msgspec.json.encode(span) for span in run(mixed, len(mixed))]


@given(sessions() | shared_sessions().filter(bool), st.integers(0, 13))
@settings(max_examples=300, deadline=None)
def test_a_restart_changes_nothing(events: list[HookEvent], cut: int) -> None:
    """A restart after any event, with the stored events of open traces' sessions fed again, changes no span."""
    before, left = TurnAssembler(), []
    for one in events[:cut]:
        left += before.feed([one], 0)
    held = before.open_turns()
    after = TurnAssembler()
    after.remember(left)
    left += after.restore(held, [stored_since(held, events[:cut])])
    for one in events[cut:]:
        left += after.feed([one], 0)
    left += finish(after, events)
    assert {span.span_id: span for span in run(events)} == {span.span_id: span for span in left}
    assert len(left) == len({span.span_id for span in left})


@given(st.fixed_dictionaries({"session_id": st.just("s")}, optional=WEIRD), st.sampled_from([*NATIVE, *GUIDE]))
@settings(max_examples=100, deadline=None)
def test_any_payload_has_a_digest(body: dict[str, Any], name: str) -> None:
    """Fields of any shape are read without an error, with content and without."""
    one = event(body | {"hook_event_name": name}, 0, 1)
    assert 1 == digest_of(one).seq
    assert 1 == digest_of(one, capture_content=True).seq


def test_a_payload_that_is_no_object_has_a_digest() -> None:
    """Whatever stands in the payload, the event's own fields are enough."""
    one = event({"session_id": "s", "hook_event_name": "PreToolUse"}, 0, 1)
    for payload in (b"null", b"[1]", b'"x"', b"{broken", b"[" * 100_000, b""):
        assert 1 == digest_of(msgspec.structs.replace(one, payload=msgspec.Raw(payload))).seq
