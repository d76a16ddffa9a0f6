"""Turns of agents that speak the guide's format: no prompt ids, no tool_use ids."""

from typing import Any

from sidecar.events import HookEvent
from sidecar.otel import ids, semconv
from sidecar.otel.model import Span
from sidecar.otel.turns import TurnAssembler
from tests.recorded import event


def script(*lines: tuple[float, str, dict[str, Any]]) -> list[HookEvent]:
    return [
        event({"session_id": "s", "agent_id": "main", "event_type": name} | more, at, seq, agent="custom")
        for seq, (at, name, more) in enumerate(lines, start=1)
    ]


def run(events: list[HookEvent]) -> list[Span]:
    turns = TurnAssembler()
    return turns.feed(events, 0) + turns.feed([], events[-1].received_at + 10**10)


TWO_TURNS = script(
    (0, "AGENT_START", {}),
    (1, "PRE_TOOL_USE", {"tool_name": "grep"}),
    (2, "PRE_TOOL_USE", {"tool_name": "grep"}),
    (3, "POST_TOOL_USE", {"tool_name": "grep", "execution_time_ms": 5}),
    (5, "POST_TOOL_USE", {"tool_name": "grep", "success": False}),
    (6, "AGENT_STOP", {}),
    (7, "AGENT_START", {}),
    (8, "PRE_TOOL_USE", {"tool_name": "make"}),
    (9, "ERROR", {"tool_name": "make", "error": "boom"}),
    (10, "ERROR", {"error": "the agent itself"}),
    (11, "AGENT_STOP", {}),
)


def test_calls_pair_by_order() -> None:
    """The first end of a tool belongs to its first start."""
    first, second = [span for span in run(TWO_TURNS) if span.name == "execute_tool grep"]
    assert [2, 3] == [round((span.end_ns - span.start_ns) / 1e9) for span in (first, second)]
    assert (None, "tool_error") == tuple(span.attributes.get(semconv.ERROR_TYPE) for span in (first, second))


def test_turns_run_from_start_to_stop() -> None:
    """Each AGENT_START begins another turn in the session's trace, with a root of its own, linked."""
    spans = run(TWO_TURNS)
    roots = [span for span in spans if span.parent_span_id is None]
    assert {ids.trace_id("s", None)} == {span.trace_id for span in spans}
    assert ["invoke_agent custom"] * 2 == [span.name for span in roots]
    assert [6, 4] == [round((span.end_ns - span.start_ns) / 1e9) for span in roots]
    assert [[], [roots[0].span_id]] == [[link.span_id for link in span.links] for span in roots]
    assert [semconv.AGENT_ERROR] == [one.name for one in roots[1].events]
    assert ["main", "main"] == [span.attributes[semconv.AGENT_ID] for span in roots]


def test_columns_of_opening_and_starting_events_name_their_spans() -> None:
    """AGENT_START names its root, PRE_TOOL_USE its tool, though neither has an id of its own."""
    exported = {span.span_id for span in run(TWO_TURNS)}
    named = {one.span_id for one in TWO_TURNS if one.hook_event_name in {"AGENT_START", "PRE_TOOL_USE"}}
    assert named <= exported
    assert 5 == len(named)


def test_agents_of_one_session_do_not_mix() -> None:
    """Two agents that share a session have turns of their own."""
    both = script((0, "AGENT_START", {}), (1, "PRE_TOOL_USE", {"tool_name": "ls"}))
    other = {"agent_id": "other"}
    both += script((0.5, "AGENT_START", other), (1.5, "PRE_TOOL_USE", {"tool_name": "ls"} | other))
    numbered = [
        event(
            {
                "session_id": "s",
                "agent_id": one.agent_id,
                "event_type": one.hook_event_name,
                "tool_name": one.tool_name,
            },
            n,
            n,
        )
        for n, one in enumerate(both)
    ]
    spans = run(numbered)
    roots = {span.span_id: span.attributes[semconv.AGENT_ID] for span in spans if span.parent_span_id is None}
    tools = [span for span in spans if span.parent_span_id is not None]
    assert {"main", "other"} == set(roots.values())
    assert {"main", "other"} == {roots[str(span.parent_span_id)] for span in tools}


def test_agents_that_never_say_that_they_start_do_not_mix() -> None:
    """Each agent of a session has a root of its own, which its events name, and its calls lie below that."""
    call = {"tool_name": "grep"}
    events = script(
        (0, "PRE_TOOL_USE", call),
        (1, "PRE_TOOL_USE", {**call, "agent_id": "other"}),
        (2, "POST_TOOL_USE", {**call, "agent_id": "other"}),
        (3, "POST_TOOL_USE", call),
        (4, "AGENT_STOP", {"agent_id": "other"}),
        (5, "AGENT_STOP", {}),
    )
    spans = run(events)
    roots = {span.attributes[semconv.AGENT_ID]: span.span_id for span in spans if span.parent_span_id is None}
    assert {"main": events[-1].span_id, "other": events[-2].span_id} == roots
    assert set(roots.values()) == {span.parent_span_id for span in spans if span.parent_span_id}


def test_provider_is_the_agent_itself() -> None:
    """The convention requires a provider: of an unknown agent only its own name is known."""
    assert {"custom"} == {span.attributes[semconv.PROVIDER_NAME] for span in run(TWO_TURNS)}
