"""The metrics of what agents do: name, unit, labels and buckets of each.

`gen_ai.*` with their boundaries are those of the GenAI conventions (docs/gen-ai/gen-ai-metrics.md, schema
1.42.0, Development); `leanvibe.*` are ours. No label is ever a session, a path or an id.
"""

import msgspec

from sidecar.otel import semconv

TOOL_SECONDS = tuple(round(0.01 * 2**power, 2) for power in range(14))
"""0.01 to 81.92, doubling: the conventions' advice for `gen_ai.execute_tool.duration`."""

AGENT_SECONDS = tuple(round(0.1 * 2**power, 1) for power in range(13))
"""0.1 to 409.6, doubling: the conventions' advice for `gen_ai.invoke_agent.duration`."""

CALLS = tuple(float(2**power) for power in range(8))
"""1 to 128, doubling: the conventions' advice for `gen_ai.invoke_agent.tool_calls`."""

AGENT = "agent"
TOOL = "tool"


class Instrument(msgspec.Struct, frozen=True):
    """A cumulative metric; a histogram when it has `bounds`, else a counter."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


EXECUTE_TOOL_DURATION = Instrument(
    "gen_ai.execute_tool.duration",
    "s",
    "Time of a tool call as its span has it, with the wait for permission.",
    (
        semconv.OPERATION_NAME,
        semconv.PROVIDER_NAME,
        semconv.AGENT_NAME,
        semconv.TOOL_NAME,
        semconv.TOOL_TYPE,
        semconv.ERROR_TYPE,
    ),
    TOOL_SECONDS,
)
INVOKE_AGENT_DURATION = Instrument(
    "gen_ai.invoke_agent.duration",
    "s",
    "Time of a turn, or of a subagent within one, as its span has it.",
    (semconv.OPERATION_NAME, semconv.PROVIDER_NAME, semconv.AGENT_NAME, semconv.ERROR_TYPE),
    AGENT_SECONDS,
)
INVOKE_AGENT_TOOL_CALLS = Instrument(
    "gen_ai.invoke_agent.tool_calls",
    "{tool_call}",
    "Tool calls of a turn, without those of its subagents.",
    (semconv.OPERATION_NAME, semconv.PROVIDER_NAME, semconv.AGENT_NAME, semconv.ERROR_TYPE),
    CALLS,
)
TOOL_EXECUTION = Instrument(
    "leanvibe.tool.execution",
    "s",
    "The tool's own time as the agent reports it, without permission and hooks.",
    (AGENT, TOOL),
    TOOL_SECONDS,
)
PERMISSION_WAIT = Instrument(
    "leanvibe.permission.wait",
    "s",
    "How long a call waited for the user's permission.",
    (AGENT, TOOL, "decision"),
    AGENT_SECONDS,
)
TOOL_CALLS = Instrument(
    "leanvibe.tool.calls",
    "{call}",
    "Tool calls, by how they ended: ok, error, denied or unfinished.",
    (AGENT, TOOL, "outcome"),
)
TURNS = Instrument("leanvibe.turns", "{turn}", "Turns that ended, by how.", (AGENT, "outcome"))
SESSIONS = Instrument("leanvibe.sessions", "{session}", "Sessions that were seen for the first time.", (AGENT,))
ERRORS = Instrument(
    "leanvibe.errors",
    "{error}",
    "Failed calls, subagents and turns, by the error.type of their span.",
    (AGENT, "operation", "error_type"),
)

INSTRUMENTS: dict[str, Instrument] = {
    one.name: one
    for one in (
        EXECUTE_TOOL_DURATION,
        INVOKE_AGENT_DURATION,
        INVOKE_AGENT_TOOL_CALLS,
        TOOL_EXECUTION,
        PERMISSION_WAIT,
        TOOL_CALLS,
        TURNS,
        SESSIONS,
        ERRORS,
    )
}
"""Every metric that is counted from events, by name."""

NAMES_OF_TOOLS = frozenset({TOOL, semconv.TOOL_NAME})
NAMES_OF_AGENTS = frozenset({AGENT, semconv.AGENT_NAME, semconv.PROVIDER_NAME})
"""Labels whose values agents choose, so that their number must be bounded: a provider unknown to us is the agent."""
