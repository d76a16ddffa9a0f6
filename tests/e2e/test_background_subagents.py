"""A subagent in the background, at work while the session has gone on to other prompts."""

from typing import Any

from tests.otlp_receiver import OtlpReceiver
from tests.sidecar_process import running_sidecar
from tests.waiting import until

AGENT = {"agent_id": "a0d6b66ddbd1b20d6", "agent_type": "general-purpose"}


def bash(name: str) -> dict[str, Any]:
    return {"tool_name": "Bash", "tool_use_id": name, "tool_input": {"command": "true"}}


def launch() -> dict[str, Any]:
    return {"tool_name": "Agent", "tool_use_id": "launch", "tool_input": {}}


STORY: list[tuple[str, str, dict[str, Any]]] = [
    ("UserPromptSubmit", "p1", {"prompt": "go"}),
    ("PreToolUse", "p1", launch()),
    ("SubagentStart", "p1", AGENT),
    ("PostToolUse", "p1", launch() | {"tool_response": {"status": "async_launched", "agentId": AGENT["agent_id"]}}),
    ("PreToolUse", "p1", AGENT | bash("over")),
    ("Stop", "p1", {}),
    ("UserPromptSubmit", "p2", {"prompt": "meanwhile"}),
    ("PostToolUse", "p2", AGENT | bash("over")),
    ("PreToolUse", "p2", bash("own")),
    ("PreToolUse", "p2", AGENT | bash("later")),
    ("PostToolUse", "p2", bash("own")),
    ("Stop", "p2", {}),
    ("PostToolUse", "p2", AGENT | bash("later")),
    ("SubagentStop", "p2", AGENT),
]
"""As the real client sends it: every event names the prompt that the session is at."""


def test_a_subagent_is_one_span_of_the_turn_that_started_it() -> None:
    """It and each of its calls is one span there, nothing failed; tables, log records and counters say the same."""
    with OtlpReceiver() as receiver, running_sidecar({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}) as sidecar:
        for name, prompt, more in STORY:
            body = {"session_id": "s", "hook_event_name": name, "prompt_id": prompt} | more
            assert 204 == sidecar.post_native(body).status_code
        until(lambda: 7 <= len(receiver.spans) and len(STORY) <= len(receiver.logs), "all came", sidecar.output)
        calls = sidecar.sql("SELECT tool_use_id, prompt_id, outcome FROM tool_calls ORDER BY started_at")
        turns = sidecar.sql("SELECT prompt_id, outcome, tool_calls, own_tool_calls, subagents FROM turns ORDER BY 1")
        prompts = sidecar.sql("SELECT DISTINCT payload->>'prompt_id' FROM events WHERE tool_use_id = 'later'")
        metrics = sidecar.get("/metrics").text
        spans, logs = receiver.spans, receiver.logs

    by_id = {(span.trace_id, span.span_id): span for span in spans}
    assert 7 == len(by_id) == len(spans)
    assert {0} == {span.status for span in spans}
    shown = {
        span.attributes["gen_ai.tool.call.id"]: span for span in spans if "gen_ai.tool.call.id" in span.attributes
    }
    above = {name: by_id[span.trace_id, span.parent_span_id or ""].name for name, span in shown.items()}
    assert {"launch": "claude-code", "over": "general-purpose", "own": "claude-code", "later": "general-purpose"} == {
        name: parent.removeprefix("invoke_agent ") for name, parent in above.items()
    }
    assert shown["launch"].trace_id == shown["over"].trace_id == shown["later"].trace_id != shown["own"].trace_id
    assert set() == {(log.trace_id, log.span_id) for log in logs} - set(by_id)
    assert [["launch", "p1", "ok"], ["over", "p1", "ok"], ["own", "p2", "ok"], ["later", "p1", "ok"]] == calls
    assert [["p1", "completed", 3, 1, 1], ["p2", "completed", 1, 1, 0]] == turns
    assert [["p2"]] == prompts  # as the client said it
    assert 'leanvibe_tool_calls_total{agent="claude-code",outcome="ok",tool="Bash"} 3.0' in metrics
    assert "abandoned" not in metrics
