"""How calls and turns end when nothing goes by the book."""

from typing import Any

import pytest

from sidecar.events import HookEvent
from sidecar.otel import failures, instruments, semconv
from sidecar.otel.changes import changes_of
from sidecar.otel.model import Span, SpanStatus
from sidecar.otel.spans import spans_of_turn
from sidecar.otel.turn import Surroundings
from sidecar.otel.turns import TurnAssembler
from tests.recorded import BASE, event


def script(*lines: tuple[float, str, dict[str, Any]]) -> list[HookEvent]:
    """A turn from `(seconds, hook name, further fields)`."""
    common = {"session_id": "s", "prompt_id": "p"}
    return [
        event(common | {"hook_event_name": name} | more, at, seq)
        for seq, (at, name, more) in enumerate(lines, start=1)
    ]


def bash(**more: Any) -> dict[str, Any]:
    return {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "x"}} | more


def listed(text: str) -> dict[str, Any]:
    return {"tool_calls": [{"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {}, "tool_response": text}]}


def named(spans: list[Span], name: str) -> Span:
    return next(span for span in spans if span.name == name)


def seconds(span: Span) -> tuple[float, float]:
    return (span.start_ns / 1e9 - BASE / 1e6, span.end_ns / 1e9 - BASE / 1e6)


def test_denied_permission() -> None:
    """A denial shows only in the batch: the call failed, below it the wait, and the turn ended denied."""
    ask = {"tool_name": "Bash", "tool_input": {"command": "x"}}
    spans = spans_of_turn(
        script(
            (0, "UserPromptSubmit", {"prompt": "go"}),
            (1, "PreToolUse", bash()),
            (2, "PermissionRequest", ask),
            (8, "Notification", {"notification_type": "permission_prompt", "message": "may I?"}),
            (9, "PostToolBatch", listed("The user doesn't want to proceed with this tool use.")),
        )
    )
    call, wait, root = named(spans, "execute_tool Bash"), named(spans, semconv.PERMISSION_WAIT), spans[-1]
    assert (SpanStatus.ERROR, "permission_denied") == (call.status, call.attributes[semconv.ERROR_TYPE])
    assert (call.span_id, (2.0, 9.0), "reject") == (
        wait.parent_span_id,
        pytest.approx(seconds(wait)),
        wait.attributes[semconv.PERMISSION_DECISION],
    )
    assert ("denied", "permission_denied") == (
        root.attributes[semconv.TURN_OUTCOME],
        root.attributes[semconv.ERROR_TYPE],
    )
    assert ["permission_prompt"] == [one.attributes[semconv.NOTIFICATION_TYPE] for one in root.events]


@pytest.mark.parametrize("shown", ["Policy forbids this", "No thanks", "Tool permission request failed: closed"])
def test_refused_in_words_of_its_own(shown: str) -> None:
    """A hook, or a user, refuses a call with any text: what began and tells no end of its own never ran."""
    spans = spans_of_turn(script((1, "PreToolUse", bash()), (2, "PostToolBatch", listed(shown)), (3, "Stop", {})))
    assert ("permission_denied", (1.0, 2.0)) == (
        named(spans, "execute_tool Bash").attributes[semconv.ERROR_TYPE],
        pytest.approx(seconds(named(spans, "execute_tool Bash"))),
    )
    assert "completed" == spans[-1].attributes[semconv.TURN_OUTCOME]


def test_granted_permission() -> None:
    """The wait ends when the tool's own duration began."""
    ask = {"tool_name": "Bash", "tool_input": {"command": "x"}}
    spans = spans_of_turn(
        script(
            (1, "PreToolUse", bash()),
            (2, "PermissionRequest", ask),
            (10, "PostToolUse", bash(duration_ms=3000, tool_response={})),
            (11, "Stop", {}),
        )
    )
    wait = named(spans, semconv.PERMISSION_WAIT)
    assert pytest.approx((2.0, 7.0)) == seconds(wait)
    assert "accept" == wait.attributes[semconv.PERMISSION_DECISION]


def test_permission_goes_to_the_call_with_its_input() -> None:
    """Of two open calls of one tool the request belongs to the one with the same input."""
    spans = spans_of_turn(
        script(
            (1, "PreToolUse", bash()),
            (2, "PreToolUse", bash(tool_use_id="t2", tool_input={"command": "y"})),
            (3, "PermissionRequest", {"tool_name": "Bash", "tool_input": {"command": "x"}}),
        )
    )
    owner = next(span for span in spans if span.attributes.get(semconv.TOOL_CALL_ID) == "t1")
    assert owner.span_id == named(spans, semconv.PERMISSION_WAIT).parent_span_id


def test_permission_without_a_call_is_told_on_the_turn() -> None:
    """A request that fits no open call is an event of its agent."""
    spans = spans_of_turn(script((0, "UserPromptSubmit", {}), (1, "PermissionRequest", {"tool_name": "Bash"})))
    assert [semconv.PERMISSION_REQUEST] == [one.name for one in spans[-1].events]


def test_end_without_a_start() -> None:
    """Without PreToolUse a call starts its own duration before its end, but not before its turn."""
    turn = script((5, "UserPromptSubmit", {}), (6, "PostToolUse", bash(duration_ms=400)), (7, "Stop", {}))
    assert pytest.approx((5.6, 6.0)) == seconds(spans_of_turn(turn)[0])
    turn = script((5, "UserPromptSubmit", {}), (6, "PostToolUse", bash(duration_ms=9e9)), (7, "Stop", {}))
    assert pytest.approx((5.0, 6.0)) == seconds(spans_of_turn(turn)[0])


def test_a_turn_seen_from_the_end_of_a_call() -> None:
    """Hooks that come up within a call see its end first: its agent and the turn began no later than the call."""
    tool, root = spans_of_turn(script((6, "PostToolUse", bash(duration_ms=400)), (7, "Stop", {})))
    assert (pytest.approx((5.6, 6.0)), pytest.approx((5.6, 7.0))) == (seconds(tool), seconds(root))
    agent = script((6, "PostToolUse", bash(duration_ms=400) | CHILD), (7, "SubagentStop", CHILD))
    assert {5.6} == {round(seconds(span)[0], 3) for span in spans_of_turn(agent)}


def test_killed_in_a_tool() -> None:
    """SIGTERM in a tool leaves only SessionEnd: call and turn end there, interrupted."""
    spans = spans_of_turn(
        script((0, "UserPromptSubmit", {}), (1, "PreToolUse", bash()), (4, "SessionEnd", {"reason": "other"}))
    )
    assert ["interrupted"] * 2 == [span.attributes[semconv.ERROR_TYPE] for span in spans]
    assert [pytest.approx((1.0, 4.0)), pytest.approx((0.0, 4.0))] == [seconds(span) for span in spans]


AGENT = {"tool_name": "Agent", "tool_use_id": "a1", "tool_input": {"prompt": "look"}}
CHILD = {"agent_id": "child", "agent_type": "Explore"}


def waited_for() -> list[tuple[float, str, dict[str, Any]]]:
    """A subagent within a call of its own, and the call that waits for it."""
    return [
        (0, "UserPromptSubmit", {}),
        (1, "PreToolUse", AGENT),
        (2, "SubagentStart", CHILD),
        (3, "PreToolUse", {**bash(), **CHILD}),
    ]


def test_killed_in_a_subagent() -> None:
    """What a subagent did when all was ended lasted until then: it, its call, and the call that waited for it."""
    spans = spans_of_turn(
        script(*waited_for(), (9, "SessionEnd", {"reason": "other"})),
    )
    assert [(0.0, 9.0), (1.0, 9.0), (2.0, 9.0), (3.0, 9.0)] == sorted(map(seconds, spans))
    assert {"interrupted"} == {span.attributes[semconv.ERROR_TYPE] for span in spans}


BROKEN_OFF = {**AGENT, "error": "[Request interrupted by user for tool use]", "is_interrupt": True}
STOPPED = [(9, "PostToolUseFailure", BROKEN_OFF), (10, "Stop", {"background_tasks": []})]
LAUNCHED = [(4, "PostToolUse", {**AGENT, "tool_response": {"status": "async_launched", "agentId": "child"}})]


@pytest.mark.parametrize(
    ("then", "left"),
    [
        (STOPPED, True),
        ([(9, "UserPromptSubmit", {"prompt_id": "q"})], True),
        ([*LAUNCHED, (9, "UserPromptSubmit", {"prompt_id": "q"})], False),
        ([*LAUNCHED, (9, "Stop", {})], False),
    ],
)
def test_a_turn_waits_for_no_subagent_that_was_broken_off(then: list[tuple[float, str, Any]], left: bool) -> None:
    """No event tells of its end: it is over when a Stop does not name it, and at the next prompt.

    Then the main agent does not wait for it any more; one in the background goes on.
    """
    turns = TurnAssembler()
    spans = turns.feed(script(*waited_for(), *then), 0) + turns.feed([], BASE + 20 * 10**6)
    assert left == bool([span for span in spans if span.attributes.get(semconv.PROMPT_ID) == "p"])


def test_a_call_that_fails_ends_its_subagent() -> None:
    """When the call that waited for it was broken off, the subagent ended there too, for the same reason."""
    failed = {**AGENT, "error": "The user interrupted", "is_interrupt": True}
    spans = spans_of_turn(
        script(*waited_for(), (7, "PostToolUseFailure", failed), (9, "Stop", {})),
    )
    agent = named(spans, f"{semconv.INVOKE_AGENT} Explore")
    assert ((2.0, 7.0), "interrupted") == (seconds(agent), agent.attributes[semconv.ERROR_TYPE])
    assert (3.0, 7.0) == seconds(named(spans, f"{semconv.EXECUTE_TOOL} Bash"))


def test_a_subagent_in_the_background_ended_with_its_last_event() -> None:
    """Nobody waits for one whose call was answered at once."""
    launched = {**AGENT, "tool_response": {"agentId": "child", "status": "async_launched"}}
    spans = spans_of_turn(
        script(
            (0, "UserPromptSubmit", {}),
            (1, "PreToolUse", AGENT),
            (2, "PostToolUse", launched),
            (3, "PreToolUse", {**bash(), **CHILD}),
            (4, "PostToolUse", {**bash(), **CHILD}),
            (9, "SessionEnd", {"reason": "other"}),
        )
    )
    assert (3.0, 4.0) == seconds(named(spans, f"{semconv.INVOKE_AGENT} Explore"))


def test_esc_in_a_tool() -> None:
    """Esc sends no event: what ran lasts until the next prompt, says that we infer it, and is no measured time."""
    events = script((0, "UserPromptSubmit", {}), (1, "PreToolUse", bash()))
    tool, root = spans_of_turn(events, Surroundings(over_at=BASE + 9_000_000))
    assert (pytest.approx((1.0, 9.0)), pytest.approx((0.0, 9.0))) == (seconds(tool), seconds(root))
    assert tool.attributes[semconv.TOOL_END_INFERRED]
    assert [] == [one for one in changes_of(tool) if one.instrument is instruments.EXECUTE_TOOL_DURATION]


def test_esc_and_a_long_silence() -> None:
    """A turn that was interrupted ended with its last work, not when the user came back."""
    events = script((0, "UserPromptSubmit", {}), (1, "PreToolUse", bash()), (2, "PostToolUse", bash()))
    spans = spans_of_turn(events, Surroundings(over_at=BASE + 9_000_000))
    assert ("interrupted", pytest.approx((0.0, 2.0))) == (
        spans[-1].attributes[semconv.TURN_OUTCOME],
        seconds(spans[-1]),
    )


def test_continued_after_a_stop() -> None:
    """A Stop hook may send the agent on: the last Stop ends the turn."""
    events = script(
        (0, "UserPromptSubmit", {}),
        (1, "Stop", {}),
        (2, "PreToolUse", bash()),
        (3, "PostToolUse", bash()),
        (4, "Stop", {}),
    )
    assert pytest.approx((0.0, 4.0)) == seconds(spans_of_turn(events)[-1])
    assert "abandoned" == spans_of_turn(events[:-1])[-1].attributes[semconv.TURN_OUTCOME]


def test_subagent_without_a_stop() -> None:
    """A subagent that never says it stopped ends with its last event, as an error."""
    inside = {"agent_id": "a", "agent_type": "Explore"}
    spans = spans_of_turn(
        script(
            (0, "UserPromptSubmit", {}),
            (1, "PreToolUse", bash(tool_name="Agent")),
            (2, "SubagentStart", inside),
            (3, "PreToolUse", bash(tool_use_id="t2") | inside),
        )
    )
    agent = named(spans, "invoke_agent Explore")
    assert (True, "abandoned") == (
        agent.attributes[semconv.PARENT_INFERRED],
        agent.attributes[semconv.ERROR_TYPE],
    )
    assert named(spans, "execute_tool Agent").span_id == agent.parent_span_id
    assert pytest.approx((2.0, 3.0)) == seconds(agent)


def failing_subagent(since: float) -> list[HookEvent]:
    """A subagent whose model fails, and a main agent that goes on: it has an answer so many seconds after that."""
    sub = {"agent_id": "a1", "agent_type": "general-purpose"}
    launch = {"tool_name": "Agent", "tool_use_id": "a"}
    return script(
        (0, "UserPromptSubmit", {"prompt": "go"}),
        (1, "PreToolUse", launch),
        (2, "SubagentStart", sub),
        (3, "StopFailure", sub | {"error": "overloaded", "last_assistant_message": "API Error"}),
        (3.1, "PostToolUse", launch | {"tool_response": {"status": "completed", "agentId": "a1"}}),
        (3.2, "PostToolBatch", {"tool_calls": [{"tool_name": "Agent", "tool_use_id": "a", "tool_response": "x"}]}),
        (3.2 + since, "Stop", {}),
    )


@pytest.mark.parametrize("since", [0.5, 60])
def test_a_subagent_whose_model_fails(since: float) -> None:
    """Its StopFailure ends it as failed, and not the turn: that goes on, however long the main agent thinks."""
    turns = TurnAssembler()
    events = failing_subagent(since)
    spans = [span for one in events for span in turns.feed([one], 0)] + turns.feed([], BASE + 10**10)
    agent, root = named(spans, "invoke_agent general-purpose"), spans[-1]
    assert ["overloaded", (2.0, 3.0)] == [agent.attributes[semconv.ERROR_TYPE], pytest.approx(seconds(agent))]
    assert ("completed", pytest.approx((0.0, 3.2 + since))) == (root.attributes[semconv.TURN_OUTCOME], seconds(root))
    assert ["invoke_agent general-purpose"] == [span.name for span in spans if span.status is SpanStatus.ERROR]
    assert 3 == len(spans)


@pytest.mark.parametrize("ends", [True, False])
def test_a_skill_that_a_subagent_does(ends: bool) -> None:
    """Its subagent hangs below the Skill call, which its answer names; without one below the call that is open."""
    skill = {"tool_name": "Skill", "tool_use_id": "k"}
    sub = {"agent_id": "a1", "agent_type": "general-purpose"}
    answer = {"success": True, "commandName": "forked", "status": "forked", "agentId": "a1", "result": "x"}
    events = script(
        (0, "UserPromptSubmit", {"prompt": "go"}),
        (1, "PreToolUse", {"tool_name": "Skill", "tool_use_id": "plain"}),
        (2, "PostToolUse", {"tool_name": "Skill", "tool_use_id": "plain", "tool_response": {"success": True}}),
        (2, "PreToolUse", skill),
        (3, "SubagentStart", sub),
        (4, "SubagentStop", sub),
        (5, "PostToolUse", skill | {"tool_response": answer}),
        (6, "Stop", {}),
    )
    spans = spans_of_turn(events if ends else events[:6])
    agent = named(spans, "invoke_agent general-purpose")
    call = next(span for span in spans if span.attributes.get(semconv.TOOL_CALL_ID) == "k")
    assert (call.span_id, not ends) == (agent.parent_span_id, semconv.PARENT_INFERRED in agent.attributes)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (("SubagentStop", {}), "completed"),
        (("StopFailure", {"error": "overloaded"}), "api_error"),
        (("PostToolUse", bash()), "interrupted"),
    ],
)
def test_a_command_that_a_subagent_does(last: tuple[str, dict[str, Any]], outcome: str) -> None:
    """The main agent does nothing, and no Stop comes: the turn ends as its subagent does."""
    sub = {"agent_id": "a1", "agent_type": "general-purpose"}
    events = script((1, "SubagentStart", sub), (2, "PreToolUse", sub | bash()), (5, last[0], sub | last[1]))
    root = spans_of_turn(events, Surroundings(over_at=BASE + 10**8))[-1]
    assert (outcome, pytest.approx((1.0, 5.0))) == (root.attributes[semconv.TURN_OUTCOME], seconds(root))


def test_nested_subagents() -> None:
    """A subagent that starts another stands above it, even when the events claim a circle."""

    def launch(call: str, child: str, owner: str | None) -> dict[str, Any]:
        return bash(tool_name="Agent", tool_use_id=call, tool_response={"agentId": child}) | {"agent_id": owner}

    spans = spans_of_turn(
        script(
            (0, "UserPromptSubmit", {}),
            (1, "PostToolUse", launch("t1", "a", None)),
            (2, "SubagentStart", {"agent_id": "a", "agent_type": "A"}),
            (3, "PostToolUse", launch("t2", "b", "a")),
            (4, "SubagentStart", {"agent_id": "b", "agent_type": "B"}),
            (5, "PostToolUse", launch("t3", "a", "b")),
            (6, "PostToolUse", launch("t4", "b", "b")),
            (9, "Stop", {}),
        )
    )
    parents = {span.span_id: span.parent_span_id for span in spans}
    path, above = [], named(spans, "invoke_agent B").span_id
    while above is not None:
        path.append(next(span.name for span in spans if span.span_id == above))
        above = parents[above]
    assert [
        "invoke_agent B",
        "execute_tool Agent",
        "invoke_agent A",
        "execute_tool Agent",
        "invoke_agent claude-code",
    ] == path


def test_a_turn_that_only_compacts_is_completed() -> None:
    """`/compact` has no Stop: the turn ends with the compaction, however the session goes on; without its end not."""
    turn = script(
        (1, "PreCompact", {"trigger": "manual"}),
        (2, "SubagentStop", {"agent_id": "a", "agent_type": ""}),
        (3, "PostCompact", {"trigger": "manual"}),
        (9, "SessionEnd", {"reason": "other"}),
    )
    root = spans_of_turn(turn, Surroundings(over_at=BASE + 9_000_000))[-1]
    assert ("completed", (1.0, 3.0)) == (root.attributes[semconv.TURN_OUTCOME], pytest.approx(seconds(root)))
    assert SpanStatus.ERROR is not root.status

    again = [*turn, event({"session_id": "s", "prompt_id": "p", "hook_event_name": "PreCompact"}, 4, 9)]
    for cut in (again, [one for one in turn if one.hook_event_name != "PostCompact"]):
        assert "interrupted" == spans_of_turn(cut)[-1].attributes[semconv.TURN_OUTCOME]


def test_compaction() -> None:
    """PreCompact to PostCompact is a span below the turn; one that never ends lasts as long as the turn."""
    turn = script(
        (0, "UserPromptSubmit", {}),
        (1, "PreCompact", {"trigger": "auto"}),
        (2, "SubagentStop", {"agent_id": "c", "agent_type": ""}),
        (3, "PostCompact", {"trigger": "auto"}),
        (5, "Stop", {}),
    )
    span = named(spans_of_turn(turn), semconv.COMPACT)
    assert (pytest.approx((1.0, 3.0)), "auto") == (seconds(span), span.attributes[semconv.COMPACT_TRIGGER])
    cut = named(spans_of_turn([one for one in turn if one.hook_event_name != "PostCompact"]), semconv.COMPACT)
    assert (pytest.approx((1.0, 5.0)), SpanStatus.ERROR) == (seconds(cut), cut.status)


def test_the_agent_that_compacts() -> None:
    """Only its end is told: it ran within the compaction, not within a call, and does not count as the main agent."""
    turn = script(
        (0, "PreToolUse", AGENT),
        (1, "PreCompact", {"trigger": "auto"}),
        (2, "SubagentStop", {"agent_id": "c", "agent_type": ""}),
        (3, "PostCompact", {"trigger": "auto"}),
    )
    spans = spans_of_turn(turn)
    agent = named(spans, semconv.INVOKE_AGENT)
    assert (pytest.approx((1.0, 2.0)), named(spans, semconv.COMPACT).span_id) == (
        seconds(agent),
        agent.parent_span_id,
    )
    (length,) = changes_of(agent)
    assert "" == dict(zip(length.instrument.labels, length.labels, strict=True))[semconv.AGENT_NAME]


@pytest.mark.parametrize("character", ["x", "é", "\U0001f600", '"', "\x01"])
def test_long_messages_fill_their_limit(character: str) -> None:
    """A message is cut to 8 KB of JSON, not to nothing, whatever its characters need there."""
    turn = script((0, "UserPromptSubmit", {"prompt": character * 10_000}), (1, "Stop", {}))
    message = str(spans_of_turn(turn, capture_content=True)[-1].attributes[semconv.INPUT_MESSAGES])
    assert 7_900 < len(message.encode()) <= 8_192


def test_mcp_tools() -> None:
    """A tool of an MCP server is an extension called by `tools/call`."""
    span = spans_of_turn(script((0, "PreToolUse", bash(tool_name="mcp__db__query"))))[0]
    assert ("extension", "tools/call") == (
        span.attributes[semconv.TOOL_TYPE],
        span.attributes[semconv.MCP_METHOD_NAME],
    )


@pytest.mark.parametrize(
    ("more", "count"), [({}, None), ({"background_tasks": []}, 0), ({"background_tasks": [1]}, 1)]
)
def test_background_tasks_are_counted_where_a_stop_tells_of_them(more: dict[str, Any], count: int | None) -> None:
    """Other agents, and older clients, do not: that is not none."""
    root = spans_of_turn(script((0, "UserPromptSubmit", {}), (1, "Stop", more)))[-1]
    assert count == root.attributes.get(semconv.BACKGROUND_TASKS_COUNT)


def test_nothing_makes_no_turn() -> None:
    """Events that shape no turn make no span."""
    assert [] == spans_of_turn([])
    assert [] == spans_of_turn(script((0, "SessionStart", {}), (1, "SessionEnd", {}), (2, "Whatever", {})))


@pytest.mark.parametrize(
    ("error", "interrupted", "expected"),
    [
        ("Exit code 3\noops", False, ("nonzero_exit", 3)),
        ("Exit code 143\nCommand timed out after 1s", False, ("timeout", 143)),
        ("Exit code 1\nthe test timed out", False, ("nonzero_exit", 1)),
        ("Request timed out", False, ("timeout", None)),
        ("Exit code 1", True, ("interrupted", None)),
        ("Exit code 99999999999999999999", False, ("tool_error", None)),
        ("", False, ("tool_error", None)),
    ],
)
def test_failures(error: str, interrupted: bool, expected: tuple[str, int | None]) -> None:
    """What failed is told in few fixed words and by the exit code."""
    assert expected == failures.failure_of(error, interrupted=interrupted)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("<tool_use_error>Error: No such tool available: Grep", "unknown_tool"),
        ("<tool_use_error>InputValidationError: Bash failed", "invalid_input"),
        ("<tool_use_error>String to replace not found", "tool_error"),
        ("Permission to use Bash with command x has been denied.", "permission_denied"),
        (f"Permission to use Bash with command {'x ' * 99} has been denied.", "permission_denied"),
        ("Claude requested permissions to use Bash, but you haven't granted it yet.", "permission_denied"),
        ("This command requires approval", "permission_denied"),
        (
            "This Bash command contains multiple operations. The following part requires approval: exit 3",
            "permission_denied",
        ),
        ("Command contains subexpressions that require approval", "permission_denied"),
        ("WebSearchTool requires permission.", "permission_denied"),
        (
            "Permission for this action was denied by the Claude Code auto mode classifier. Reason: x",
            "permission_denied",
        ),
        ("File is in a directory that is denied by your permission settings.", "permission_denied"),
        ("Skill execution blocked by permission rules", "permission_denied"),
        ("Cannot write to /srv/shop/no.txt while in plan mode.", "permission_denied"),
        ("touch in '/srv/x' needs approval. The path is inside the working directories", "permission_denied"),
        ("touch in '/srv/x' was blocked. For security, Claude Code may only create files in", "permission_denied"),
        ("This call has not run: its permission check failed with an error", "permission_denied"),
        ("total 12\ndrwxr-xr-x", None),
        ("approval.py\npermissions.py", None),
    ],
)
def test_verdicts(shown: str, expected: str | None) -> None:
    """What the model was shown tells how a call without an end of its own went."""
    assert expected == failures.verdict_of(shown)


def test_malformed_fields_are_as_good_as_absent() -> None:
    """Fields of a wrong type break nothing: the call is still a span."""
    odd = {
        "tool_calls": {"no": "list"},
        "background_tasks": 7,
        "effort": "high",
        "prompt": ["x"],
        "error": {"a": 1},
    }
    calls = [1, None, {"tool_use_id": 5}, {"tool_use_id": "t", "tool_name": "X"}]
    spans = spans_of_turn(
        script(
            (0, "UserPromptSubmit", odd),
            (1, "PostToolBatch", odd | {"tool_calls": calls}),
            (2, "Stop", odd | {"error": None}),
        )
    )
    assert ["execute_tool X", "invoke_agent claude-code"] == [span.name for span in spans]


def test_the_prompt_that_set_a_turn_off() -> None:
    """Its length is told, not that of what is said while the turn runs: queued prompts, news of a background task."""
    turn = script(
        (0.0, "UserPromptSubmit", {"prompt": "short"}),
        (1.0, "UserPromptSubmit", {"prompt": "<task-notification> and much more"}),
        (2.0, "Stop", {}),
    )
    assert 5 == spans_of_turn(turn)[-1].attributes[semconv.PROMPT_LENGTH]
