"""Laws of log records: one for each event, at once, pointing at the span that will be."""

from typing import Any

import pytest

from sidecar.otel import semconv
from sidecar.otel.kinds import GUIDE, NATIVE
from sidecar.otel.log_model import LogRecord, Severity
from sidecar.otel.logs import event_name_of, log_of
from sidecar.otel.spans import spans_of_turn
from tests import recorded


def record(body: dict[str, Any], *, capture_content: bool = False) -> LogRecord:
    return log_of(recorded.event({"session_id": "s"} | body, 1.5, 7), capture_content=capture_content)


@pytest.mark.parametrize("name", recorded.NAMES)
def test_records_point_at_spans_that_come(name: str) -> None:
    """The trace and span of a record are exported later, whatever the event; only known attributes are used."""
    events = recorded.session(name)
    turns = [spans_of_turn(turn) for turn in recorded.by_trace(events).values()]
    exported = {(span.trace_id, span.span_id) for spans in turns for span in spans} | {(None, None)}
    records = [log_of(one) for one in events]
    assert [one.event_id for one in events] == [one.event_id for one in records]
    assert set() == {(one.trace_id, one.span_id) for one in records} - exported
    assert set() == {key for one in records for key in one.attributes} - semconv.LOG_ATTRIBUTES


def test_a_tool_call() -> None:
    """A record has the names of its span, the event's id and place, and a body without content."""
    found = record(
        {
            "hook_event_name": "PostToolUseFailure",
            "prompt_id": "p",
            "tool_name": "Bash",
            "tool_use_id": "t",
            "error": "Exit code 3\nhush",
            "duration_ms": 12,
        }
    )
    assert ("claude_code.hook.post_tool_use_failure", Severity.WARN, "PostToolUseFailure Bash") == (
        found.event_name,
        found.severity,
        found.body,
    )
    expected = {
        semconv.SESSION_ID: "s",
        semconv.PROMPT_ID: "p",
        semconv.LOG_RECORD_UID: "event-00007",
        semconv.EVENT_SEQUENCE: 7,
        semconv.TOOL_NAME: "Bash",
        semconv.TOOL_CALL_ID: "t",
        semconv.ERROR_TYPE: "nonzero_exit",
        semconv.PROCESS_EXIT_CODE: 3,
        semconv.TOOL_DURATION_MS: 12.0,
    }
    assert expected == {name: found.attributes[name] for name in expected}
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("body", "has_trace", "has_span"),
    [
        ({"hook_event_name": "SessionStart"}, False, False),
        ({"hook_event_name": "SessionEnd"}, False, False),
        ({"hook_event_name": "SessionEnd", "prompt_id": "of /clear"}, False, False),
        ({"hook_event_name": "InstructionsLoaded", "prompt_id": "of /clear"}, False, False),
        ({"event_type": "AGENT_START"}, True, True),
        ({"event_type": "PRE_TOOL_USE", "tool_name": "x"}, True, True),
        ({"event_type": "POST_TOOL_USE", "tool_name": "x"}, True, False),
        ({"event_type": "POST_TOOL_USE", "tool_name": "x", "tool_use_id": "t"}, True, True),
    ],
)
def test_ids_are_given_only_where_they_are_sure(body: dict[str, Any], has_trace: bool, has_span: bool) -> None:
    """A record names no span that might never be: without a prompt, or with that of a command that makes no turn."""
    found = record(body)
    assert (has_trace, has_span) == (found.trace_id is not None, found.span_id is not None)


def test_sessions_say_how_they_began_and_ended() -> None:
    """Source and reason of a session are words on its records."""
    begun = record({"hook_event_name": "SessionStart", "source": "resume"})
    ended = record({"hook_event_name": "SessionEnd", "reason": "clear", "source": 5})
    assert "resume" == begun.attributes[semconv.SESSION_SOURCE]
    assert "clear" == ended.attributes[semconv.SESSION_END_REASON]


def test_content_only_when_captured() -> None:
    """Prompts, inputs and results are on a record only with content capture."""
    prompt = {"hook_event_name": "UserPromptSubmit", "prompt_id": "p", "prompt": "please"}
    call = {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_input": {"command": "please"}}
    for body in (prompt, call):
        assert "please" not in str(record(body))
        assert "please" in str(record(body, capture_content=True))


def test_every_hook_has_a_name() -> None:
    """Names are snake case below one prefix, for native names, the guide's and any other."""
    names = [event_name_of(name) for name in [*NATIVE, *GUIDE, "Weird Näme/1"]]
    assert [] == [name for name in names if not name.removeprefix("claude_code.hook.").replace("_", "").isalnum()]
    assert "claude_code.hook.pre_tool_use" == event_name_of("PreToolUse") == event_name_of("PRE_TOOL_USE")


def test_only_a_subagent_is_named() -> None:
    """As on spans: the main agent's type (`claude --agent NAME`) is not the name of a subagent."""
    named = {"hook_event_name": "PreToolUse", "prompt_id": "p", "agent_type": "reviewer"}
    assert semconv.AGENT_NAME not in record(named).attributes
    assert "reviewer" == record(named | {"agent_id": "a"}).attributes[semconv.AGENT_NAME]
