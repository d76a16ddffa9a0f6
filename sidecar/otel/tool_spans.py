"""`execute_tool` spans, and the wait for the user's permission within them."""

from sidecar.otel import failures, ids, semconv
from sidecar.otel.calls import MICROS_PER_MS, ToolCall
from sidecar.otel.digest import Digest
from sidecar.otel.model import Attributes, Span
from sidecar.otel.tree import Tree

MCP_PREFIX = "mcp__"


def tool_span(tree: Tree, call: ToolCall) -> Span:
    """One tool call, below its agent."""
    error_type = call.error_type if call.ended_at is not None else tree.turn.loose_end
    return tree.span(
        tree.call_id(call),
        tree.agent_id(call.owner),
        f"{semconv.EXECUTE_TOOL} {call.tool}".rstrip(),
        tree.call_times(call),
        _about(tree, call) | _measures(call) | _contents(call),
        error_type=error_type,
    )


def permission_span(tree: Tree, call: ToolCall, asked: Digest) -> Span:
    """The wait for permission, from the request to when the tool ran, or to the denial.

    The answer itself is no event: a tool that ran was let through when its own duration began.
    """
    _, call_end = tree.call_times(call)
    duration = call.end.duration_ms if call.end and call.ran else None
    answered = call_end - int((duration or 0) * MICROS_PER_MS)
    return tree.span(
        tree.scope.span_id(ids.PERMISSION, call.key),
        tree.call_id(call),
        semconv.PERMISSION_WAIT,
        (asked.at, max(asked.at, answered)),
        _decision(call),
    )


def tool_type(tool: str) -> str:
    """`gen_ai.tool.type`: tools of MCP servers extend the agent."""
    return semconv.TOOL_EXTENSION if tool.startswith(MCP_PREFIX) else semconv.TOOL_FUNCTION


def _about(tree: Tree, call: ToolCall) -> Attributes:
    """The operation by the GenAI and MCP conventions."""
    about: Attributes = {
        semconv.OPERATION_NAME: semconv.EXECUTE_TOOL,
        semconv.TOOL_NAME: call.tool,
        semconv.TOOL_TYPE: tool_type(call.tool),
    }
    if call.use_id:
        about[semconv.TOOL_CALL_ID] = call.use_id
    if call.tool.startswith(MCP_PREFIX):
        about[semconv.MCP_METHOD_NAME] = semconv.MCP_TOOLS_CALL
    if call.owner is not None:
        about[semconv.AGENT_ID] = call.owner
        about |= _agent_name(tree, call.owner)
    return about


def _agent_name(tree: Tree, owner: str) -> Attributes:
    name = tree.turn.agents[owner].name
    return {semconv.AGENT_NAME: name} if name else {}


def _measures(call: ToolCall) -> Attributes:
    """Numbers that the client or the payload gives, each only where it is known."""
    end = call.end
    found: dict[str, int | float | None] = {
        semconv.TOOL_DURATION_MS: _whole(end.duration_ms) if end else None,
        semconv.TOOL_INPUT_SIZE: max((one.input_size for one in (call.pre, end) if one), default=0) or None,
        semconv.TOOL_RESULT_SIZE: (end.result_size or None) if end else None,
        semconv.PROCESS_EXIT_CODE: end.exit_code if end else None,
    }
    measures: Attributes = {name: value for name, value in found.items() if value is not None}
    if call.pre is None and end is None:
        measures[semconv.TOOL_BATCH_ONLY] = True
    if call.ended_at is None:
        measures[semconv.TOOL_END_INFERRED] = True
    return measures


def _contents(call: ToolCall) -> Attributes:
    given = next((one.content[0] for one in (call.pre, call.end) if one and one.content[0]), "")
    got = call.end.content[1] if call.end else ""
    found = {semconv.TOOL_CALL_ARGUMENTS: given, semconv.TOOL_CALL_RESULT: got}
    return {name: text for name, text in found.items() if text}


def _decision(call: ToolCall) -> Attributes:
    """What the user said, as far as it shows, and for which tool."""
    about: Attributes = {semconv.TOOL_NAME: call.tool}
    if call.ran or call.error_type == failures.PERMISSION_DENIED:
        about[semconv.PERMISSION_DECISION] = "accept" if call.ran else "reject"
    return about


def _whole(value: float | None) -> int | float | None:
    return int(value) if value is not None and value.is_integer() else value
