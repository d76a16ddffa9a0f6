"""When turns close, and that each span leaves once."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.events import HookEvent
from sidecar.otel import semconv
from sidecar.otel.changes import changes_of
from sidecar.otel.model import Span
from sidecar.otel.open_turn import IDLE_US
from sidecar.otel.spans import spans_of_turn
from sidecar.otel.turns import TurnAssembler
from tests import recorded

FAR = 2 * IDLE_US


def pieces(events: Sequence[HookEvent], size: int) -> list[Sequence[HookEvent]]:
    return [events[begin : begin + size] for begin in range(0, len(events), size)]


def run(events: Sequence[HookEvent], size: int = 1) -> list[Span]:
    """All spans that events give, fed in pieces, after time enough for every turn to close."""
    turns = TurnAssembler()
    left = [span for piece in pieces(events, size) for span in turns.feed(piece, 0)]
    left += turns.feed([], max((event.received_at for event in events), default=0) + FAR)
    assert ({}, 0) == (turns.open_turns(), turns.held)
    return left


def by_id(spans: Sequence[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: span.span_id)


def without_links(spans: Sequence[Span]) -> list[Span]:
    return by_id([msgspec.structs.replace(span, links=()) for span in spans])


@pytest.mark.parametrize("name", recorded.NAMES)
def test_what_leaves_is_what_the_events_give(name: str) -> None:
    """The assembler adds nothing to the pure mapping but the links between turns."""
    events = recorded.session(name)
    pure = [span for turn in recorded.by_trace(events).values() for span in spans_of_turn(turn)]
    assert without_links(pure) == without_links(run(events))


@pytest.mark.parametrize("name", recorded.NAMES)
@given(data=st.data())
@settings(max_examples=500, deadline=None)
def test_order_and_repeats_change_nothing(data: st.DataObject, name: str) -> None:
    """Events of any cut, shuffled and repeated, give the same spans, each once, parents present."""
    whole = recorded.session(name)
    cut = whole[data.draw(st.integers(0, len(whole) - 1)) : data.draw(st.integers(1, len(whole)))]
    mixed = [*cut, *cut[:: data.draw(st.integers(1, 5))]]
    data.draw(st.randoms(use_true_random=False)).shuffle(mixed)
    spans = run(mixed, max(len(mixed), 1))
    assert by_id(run(cut)) == by_id(spans)
    known = {span.span_id for span in spans}
    assert len(spans) == len(known)
    assert set() == {span.parent_span_id for span in spans} - known - {None}


@given(data=st.data(), name=st.sampled_from(recorded.NAMES))
@settings(max_examples=100, deadline=None)
def test_arrival_in_any_order_loses_and_doubles_nothing(data: st.DataObject, name: str) -> None:
    """However events arrive one by one, each call that ended is one span, and its parent left too."""
    events = list(recorded.session(name))
    data.draw(st.randoms(use_true_random=False)).shuffle(events)
    spans = run(events)
    known = {span.span_id for span in spans}
    assert len(spans) == len(known)
    assert known >= {span.parent_span_id for span in spans} - {None}
    assert {span.span_id for span in run(recorded.session(name))} <= known


@pytest.mark.parametrize("name", recorded.NAMES)
def test_a_restart_changes_no_span(name: str) -> None:
    """A restart between any two events, with what was stored fed again, gives the same spans."""
    events = recorded.session(name)
    expected = run(events)
    for cut in range(len(events)):
        before = TurnAssembler()
        left = [span for event in events[:cut] for span in before.feed([event], 0)]
        held = before.open_turns()
        after = TurnAssembler()
        after.remember(left)
        left += after.restore(held, [recorded.stored_since(held, events[:cut])])
        left += [span for event in events[cut:] for span in after.feed([event], 0)]
        left += after.feed([], events[-1].received_at + FAR)
        assert by_id(expected) == by_id(left)


def test_catching_up_gives_the_same_spans() -> None:
    """Read in one piece long after, or event by event as they came: the same spans in the same order."""
    for name in recorded.NAMES:
        events = recorded.session(name)
        assert run(events) == run(events, len(events))


def test_a_turn_waits_for_its_grace() -> None:
    """A Stop closes a turn a second later, by the clock only when nothing is left to read."""
    events = [one for one in recorded.session("basic") if one.hook_event_name != "SessionEnd"]
    turns = TurnAssembler()
    stopped = events[-1].received_at
    assert [] == turns.feed(events, stopped + FAR)
    assert 1 == len(turns.under_way)
    assert [] == turns.feed([], stopped + 500_000)
    assert 8 == len(turns.feed([], stopped + 2_100_000))
    assert 0 == len(turns.under_way)
    assert [] == turns.feed([], stopped + FAR)


def test_the_root_leaves_last() -> None:
    """A turn leaves as one piece, its root behind its children."""
    spans = run(recorded.session("multi"))
    roots = [index for index, span in enumerate(spans) if span.parent_span_id is None]
    assert [1, 3, 5] == roots


def test_turns_of_a_session_are_linked() -> None:
    """Each turn links to the one before, across a resume too."""
    for name in ("multi", "resume", "subagent"):
        roots = [span for span in run(recorded.session(name)) if span.parent_span_id is None]
        links = [[(link.trace_id, link.span_id) for link in root.links] for root in roots]
        assert [[], *([(root.trace_id, root.span_id)] for root in roots[:-1])] == links


def test_a_silent_turn_is_abandoned() -> None:
    """Killed without a word: after half an hour the turn closes, ended at its last event."""
    events = [one for one in recorded.session("basic") if one.hook_event_name not in {"Stop", "SessionEnd"}]
    turns = TurnAssembler()
    turns.feed(events, 0)
    early = turns.feed([], events[-1].received_at + IDLE_US)
    assert {"execute_tool"} == {span.name.split()[0] for span in early}
    root = turns.feed([], events[-1].received_at + FAR)[-1]
    assert ("abandoned", "abandoned") == (
        root.attributes[semconv.TURN_OUTCOME],
        root.attributes[semconv.ERROR_TYPE],
    )
    working = [one for one in events if one.hook_event_name != "FileChanged"]
    assert working[-1].received_at * 1000 == root.end_ns


def test_the_next_prompt_interrupts() -> None:
    """Esc sends no Stop: the session's next prompt closes the turn as interrupted."""
    events = [one for one in recorded.session("multi") if one.hook_event_name != "Stop"]
    outcomes = [s.attributes[semconv.TURN_OUTCOME] for s in run(events) if s.parent_span_id is None]
    assert ["interrupted"] * 3 == outcomes


@pytest.mark.parametrize("name", ["UserPromptSubmit", "SessionEnd"])
def test_what_was_interrupted_lasted_until_the_session_went_on(name: str) -> None:
    """With a call open a turn lasts until the next prompt or the session's end, whose events name another prompt."""
    call = {"hook_event_name": "PreToolUse", "prompt_id": "p", "tool_name": "Bash", "tool_use_id": "t"}
    over = recorded.event({"session_id": "s", "hook_event_name": name, "prompt_id": "q"}, 7, 2)
    spans = run([recorded.event({"session_id": "s", **call}, 0, 1), over])
    ends = [span.end_ns // 1000 for span in spans if span.attributes[semconv.PROMPT_ID] == "p"]
    assert [over.received_at] * 2 == ends


def test_what_the_next_start_interrupts_lasted_until_then() -> None:
    """The same where an agent sends no prompts."""
    words = [("AGENT_START", {}), ("PRE_TOOL_USE", {"tool_name": "t"}), ("AGENT_START", {})]
    bodies = ({"session_id": "s", "event_type": name, **more} for name, more in words)
    events = [recorded.event(body, seq, seq, agent="custom") for seq, body in enumerate(bodies, 1)]
    tool, root, _ = run(events)
    assert [events[-1].received_at] * 2 == [tool.end_ns // 1000, root.end_ns // 1000]


def test_a_turn_that_goes_on_after_it_left_has_a_span_for_that() -> None:
    """A Stop hook may send the agent on, hours may pass at a question: what follows lies within a span of its own."""
    call = {"tool_name": "Bash", "tool_use_id": "t"}
    steps = [
        (0, {"hook_event_name": "UserPromptSubmit"}),
        (5, {"hook_event_name": "Stop"}),
        (15, {"hook_event_name": "PreToolUse", **call}),
        (16, {"hook_event_name": "PostToolUse", **call}),
        (17, {"hook_event_name": "Stop"}),
        (9000, {"hook_event_name": "StopFailure", "error": "overloaded"}),
    ]
    events = [recorded.event({"session_id": "s", "prompt_id": "p", **body}, at, at + 1) for at, body in steps]
    root, tool, second, third = run(events)
    assert [(None, 0), (root.span_id, 1), (root.span_id, 2)] == [
        (one.parent_span_id, one.attributes.get(semconv.TURN_CONTINUED, 0)) for one in (root, second, third)
    ]
    assert second.span_id == tool.parent_span_id
    times = [
        (one.start_ns // 10**9 - recorded.BASE // 10**6, one.end_ns // 10**9 - recorded.BASE // 10**6)
        for one in (second, third)
    ]
    assert [(5, 17), (9000, 9000)] == times
    counted = [change.instrument.name for span in (root, second, third) for change in changes_of(span)]
    assert ["leanvibe.turns", "leanvibe.errors"] == [name for name in counted if not name.startswith("gen_ai.")]


def test_a_restart_knows_that_a_turn_began_before_its_first_event() -> None:
    """A turn seen from the end of a call keeps its place among the session's turns, by which they are linked."""
    agent, tool = {"agent_id": "a"}, {"tool_name": "Bash", "tool_use_id": "t", "duration_ms": 2000}
    steps = [("p", "SubagentStart", agent), ("q", "PostToolUse", tool), ("q", "Stop", {})]
    bodies = [
        {"session_id": "s", "prompt_id": prompt, "hook_event_name": name, **more} for prompt, name, more in steps
    ]
    events = [recorded.event(body, seq, seq) for seq, body in enumerate(bodies, 1)]
    events.append(recorded.event(bodies[0] | {"hook_event_name": "SubagentStop"}, 10, 9))
    before = TurnAssembler()
    left = before.feed(events[:3], 0) + before.feed([], events[2].received_at + 3_000_000)
    held = before.open_turns()
    after = TurnAssembler()
    after.remember(left)
    left += after.restore(held, [recorded.stored_since(held, events[:3])])
    left += after.feed(events[3:], 0) + after.feed([], events[3].received_at + FAR)
    assert by_id(run(events)) == by_id(left)


def test_a_restart_tells_turns_of_one_microsecond_apart() -> None:
    """Without prompts, what came before an opening event in its microsecond is not of the turn that it opened."""
    names = ["AGENT_START", "PRE_TOOL_USE", "AGENT_STOP", "AGENT_START", "NOTIFICATION"]
    guide = {"session_id": "s", "tool_name": "Bash"}
    events = [
        recorded.event({**guide, "event_type": name}, min(seq, 2), seq, agent="custom")
        for seq, name in enumerate(names, start=1)
    ]
    before, after = TurnAssembler(), TurnAssembler()
    left = before.feed(events, 0)
    after.remember(left)
    held = before.open_turns()

    assert [] == after.restore(held, [recorded.stored_since(held, events)])
    later = events[-1].received_at + FAR
    assert before.feed([], later) == after.feed([], later)


def test_a_subagents_late_word_moves_no_continuation() -> None:
    """What leaves no span leaves no trace in memory either, or a restart would make another of what goes on."""
    steps: list[tuple[float, dict[str, str]]] = [
        (0, {"hook_event_name": "UserPromptSubmit"}),
        (5, {"hook_event_name": "Stop"}),
        (15, {"hook_event_name": "SubagentStart", "agent_id": "a"}),
        (16, {"hook_event_name": "SubagentStop", "agent_id": "a"}),
        (25, {"hook_event_name": "Stop"}),
    ]
    events = [recorded.event({"session_id": "s", "prompt_id": "p", **body}, at, int(at) + 1) for at, body in steps]
    root, _, more = run(events)
    assert (root.end_ns, root.span_id) == (more.start_ns, more.parent_span_id)


def test_late_calls_leave_alone() -> None:
    """A call that comes after its turn has left is one more span; the root never leaves again."""
    events = recorded.session("basic")
    late = [one for one in events if b'"Edit"' in bytes(one.payload)]
    turns = TurnAssembler()
    first = turns.feed([one for one in events if one not in late], 0)
    first += turns.feed([], events[-1].received_at + FAR)
    assert first[0].trace_id in turns._departed
    second = turns.feed(late, 0) + turns.feed([], events[-1].received_at + FAR)
    assert ["execute_tool Edit"] == [span.name for span in second]
    assert first[-1].span_id == second[0].parent_span_id


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bounds turns leave early and calls are counted as dropped, never silently."""
    monkeypatch.setattr("sidecar.otel.turns.MAX_HELD", 30)
    monkeypatch.setattr("sidecar.otel.open_turn.MAX_DIGESTS", 20)
    turns = TurnAssembler()
    for number in range(10):
        for seq in range(10):
            body = {
                "session_id": f"s{number}",
                "prompt_id": "p",
                "tool_name": "Read",
                "tool_use_id": f"t{seq}",
            }
            body["hook_event_name"] = "PreToolUse"
            turns.feed([recorded.event(body, number, number * 100 + seq)], 0)
            assert turns.held <= 30
    assert 7 == turns.evicted_turns
    body = {"session_id": "s9", "prompt_id": "p", "tool_name": "Read", "hook_event_name": "PreToolUse"}
    turns.feed([recorded.event(body | {"tool_use_id": f"u{seq}"}, 11, 2000 + seq) for seq in range(15)], 0)
    assert 5 == turns.dropped_events


def test_closed_turns_leave_nothing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many turns close, what is still to be looked at grows with the open ones only, and all close."""
    monkeypatch.setattr("sidecar.otel.turns.SPARE_DUE", 8)
    turns, left = TurnAssembler(), []
    for number in range(200):
        for seq, name in enumerate(("UserPromptSubmit", "Stop")):
            body = {"session_id": "s", "prompt_id": f"p{number}", "hook_event_name": name}
            left += turns.feed([recorded.event(body, 3 * number, 2 * number + seq)], 0)
        assert len(turns._due) <= 2 * len(turns.under_way) + 8
    left += turns.feed([], recorded.event(body, 3 * 200, 400).received_at + FAR)
    assert 200 == len({span.trace_id for span in left if span.parent_span_id is None})


def test_another_end_of_a_known_call_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound, what tells again of a call that has ended is no call that is dropped; a new one is."""
    monkeypatch.setattr("sidecar.otel.open_turn.MAX_DIGESTS", 20)
    turns = TurnAssembler()
    body = {"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": "Read", "tool_use_id": "t"}
    turns.feed([recorded.event(body, 1, seq) for seq in range(50)], 0)
    assert (20, 0) == (turns.held, turns.dropped_events)
    turns.feed([recorded.event(body | {"tool_use_id": "u"}, 2, 50)], 0)
    assert (20, 1) == (turns.held, turns.dropped_events)


def test_what_was_due_before_an_event_that_fails_still_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that cannot be mapped is given up; the turn before it, which it let leave, is not."""
    events = recorded.session("basic")
    later = msgspec.structs.replace(events[-1], received_at=events[-1].received_at + FAR, event_id="later")
    turns = TurnAssembler()
    left = turns.feed(events, 0)

    with monkeypatch.context() as patched:
        patched.setattr("sidecar.otel.turns.digest_of", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            turns.feed([later], 0)

    assert by_id(run(events)) == by_id(left + turns.feed([], 0))


def test_identical_runs_give_identical_bytes() -> None:
    """Attributes stand in the same order however the events came: encoded spans are equal byte by byte."""
    events = list(recorded.session("parallel"))
    expected = [msgspec.json.encode(span) for span in run(events)]
    random.Random(1).shuffle(events)
    assert expected == [msgspec.json.encode(span) for span in run(events, len(events))]
