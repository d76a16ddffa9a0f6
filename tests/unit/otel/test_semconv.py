"""The names that we send, against a list taken from the conventions."""

from sidecar.otel import semconv

GENAI_1_42 = {
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.conversation.id",
    "gen_ai.input.messages",
    "gen_ai.operation.name",
    "gen_ai.output.messages",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.request.reasoning.level",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.id",
    "gen_ai.tool.call.result",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "mcp.method.name",
}
CORE_1_44 = {"error.type", "process.exit.code", "session.id"}
VENDOR = {
    "prompt.id",
    "claude_code.agent.parent_inferred",
    "claude_code.background_tasks.count",
    "claude_code.compact.trigger",
    "claude_code.link",
    "claude_code.notification.type",
    "claude_code.permission.decision",
    "claude_code.permission.mode",
    "claude_code.prompt.length",
    "claude_code.tool.batch_only",
    "claude_code.tool.duration_ms",
    "claude_code.tool.end_inferred",
    "claude_code.tool.input.size",
    "claude_code.tool.result.size",
    "claude_code.turn.continued",
    "claude_code.turn.outcome",
    "claude_code.turn.part",
    "claude_code.turn.tool_calls",
}
LOGS_ONLY = {"log.record.uid", "event.sequence", "claude_code.session.source", "claude_code.session.end.reason"}
RESOURCE = {"service.name", "service.instance.id", "host.name", "host.arch", "os.type"}


def test_names_are_frozen() -> None:
    """A name enters or leaves only together with its source: dashboards of users depend on each."""
    assert GENAI_1_42 | CORE_1_44 | VENDOR == semconv.SPAN_ATTRIBUTES
    assert LOGS_ONLY == semconv.LOG_ATTRIBUTES - semconv.SPAN_ATTRIBUTES
    assert RESOURCE == semconv.RESOURCE_ATTRIBUTES


def test_no_convention_was_invented() -> None:
    """Outside the vendor's namespace only names of the conventions are used."""
    ours = {name for name in semconv.SPAN_ATTRIBUTES if name.startswith(("gen_ai.", "mcp."))}
    assert GENAI_1_42 == ours
