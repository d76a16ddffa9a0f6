"""Every attribute, span and event name that we send, with the convention that it comes from.

The conventions are still moving, and the Python packages carry names that are deprecated already, so the
constants are our own: whoever follows a rename changes this one file. Sources, as marked at each group:

* **GenAI**: open-telemetry/semantic-conventions-genai, schema 1.42.0 (Development)
* **core**: open-telemetry/semantic-conventions 1.44.0 (stable but where said)
* **vendor**: no convention for coding agents or hooks exists yet; names in the client's own namespace
  `claude_code`, used for every agent, so that one query finds all
"""

GENAI_VERSION = "1.42.0"

SCHEMA_URL = f"https://opentelemetry.io/schemas/gen-ai/{GENAI_VERSION}"
SCOPE_NAME = "leanvibe-sidecar"
SCOPE_VERSION = "1"
"""Version of the mapping: raised when the same events give other spans, and only then.

So a retry after an upgrade is the same bytes.
"""

# GenAI, what every span says of its operation: docs/gen-ai/agent-spans.md, execute-tool.md
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
CONVERSATION_ID = "gen_ai.conversation.id"
AGENT_ID = "gen_ai.agent.id"
AGENT_NAME = "gen_ai.agent.name"
REQUEST_MODEL = "gen_ai.request.model"
REASONING_LEVEL = "gen_ai.request.reasoning.level"

# GenAI, tools: docs/gen-ai/execute-tool.md; arguments and result are opt-in content
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT = "gen_ai.tool.call.result"

# GenAI, opt-in content of a turn: docs/gen-ai/agent-spans.md
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"

# GenAI, MCP: docs/gen-ai/mcp.md; the convention lets the tool span stand for the MCP client span
MCP_METHOD_NAME = "mcp.method.name"

# core: errors (docs/general/recording-errors.md, stable), process (Release Candidate), session (Development)
ERROR_TYPE = "error.type"
PROCESS_EXIT_CODE = "process.exit.code"
SESSION_ID = "session.id"

# core, logs: docs/general/logs.md (Development)
LOG_RECORD_UID = "log.record.uid"

# vendor: the client's own telemetry calls a prompt `prompt.id`
PROMPT_ID = "prompt.id"
TURN_OUTCOME = "claude_code.turn.outcome"
TURN_TOOL_CALLS = "claude_code.turn.tool_calls"
TURN_PART = "claude_code.turn.part"
TURN_CONTINUED = "claude_code.turn.continued"
PROMPT_LENGTH = "claude_code.prompt.length"
PERMISSION_MODE = "claude_code.permission.mode"
PERMISSION_DECISION = "claude_code.permission.decision"
BACKGROUND_TASKS_COUNT = "claude_code.background_tasks.count"
TOOL_DURATION_MS = "claude_code.tool.duration_ms"
TOOL_INPUT_SIZE = "claude_code.tool.input.size"
TOOL_RESULT_SIZE = "claude_code.tool.result.size"
TOOL_BATCH_ONLY = "claude_code.tool.batch_only"
TOOL_END_INFERRED = "claude_code.tool.end_inferred"
PARENT_INFERRED = "claude_code.agent.parent_inferred"
COMPACT_TRIGGER = "claude_code.compact.trigger"
NOTIFICATION_TYPE = "claude_code.notification.type"
LINK_TYPE = "claude_code.link"

# vendor, on log records only
EVENT_SEQUENCE = "event.sequence"
SESSION_SOURCE = "claude_code.session.source"
SESSION_END_REASON = "claude_code.session.end.reason"

# core, resource: docs/resource/ (service.* stable; host.*, os.* Development)
SERVICE_NAME = "service.name"
SERVICE_INSTANCE_ID = "service.instance.id"
HOST_NAME = "host.name"
HOST_ARCH = "host.arch"
OS_TYPE = "os.type"

# Span names; those of GenAI are the operation, followed by the tool or agent
INVOKE_AGENT = "invoke_agent"
EXECUTE_TOOL = "execute_tool"
PERMISSION_WAIT = "claude_code.tool.blocked_on_user"
COMPACT = "claude_code.compact"

# Names of span events, vendor
NOTIFICATION = "claude_code.notification"
PERMISSION_REQUEST = "claude_code.permission.request"
AGENT_ERROR = "claude_code.agent.error"

# Names of log records: this and the hook's name in snake case, vendor
HOOK_EVENT_PREFIX = "claude_code.hook."

# Values
TOOL_FUNCTION = "function"
TOOL_EXTENSION = "extension"
MCP_TOOLS_CALL = "tools/call"
PREVIOUS_TURN = "previous_turn"
CONTINUED_IN = "continued_in"
CONTINUES = "continues"
PARENT_ELSEWHERE = "parent"
OTHER_ERROR = "_OTHER"

SPAN_ATTRIBUTES: frozenset[str] = frozenset(
    {
        OPERATION_NAME,
        PROVIDER_NAME,
        CONVERSATION_ID,
        AGENT_ID,
        AGENT_NAME,
        REQUEST_MODEL,
        REASONING_LEVEL,
        TOOL_NAME,
        TOOL_CALL_ID,
        TOOL_TYPE,
        TOOL_CALL_ARGUMENTS,
        TOOL_CALL_RESULT,
        INPUT_MESSAGES,
        OUTPUT_MESSAGES,
        MCP_METHOD_NAME,
        ERROR_TYPE,
        PROCESS_EXIT_CODE,
        SESSION_ID,
        PROMPT_ID,
        TURN_OUTCOME,
        TURN_TOOL_CALLS,
        TURN_PART,
        TURN_CONTINUED,
        PROMPT_LENGTH,
        PERMISSION_MODE,
        PERMISSION_DECISION,
        BACKGROUND_TASKS_COUNT,
        TOOL_DURATION_MS,
        TOOL_INPUT_SIZE,
        TOOL_RESULT_SIZE,
        TOOL_BATCH_ONLY,
        TOOL_END_INFERRED,
        PARENT_INFERRED,
        COMPACT_TRIGGER,
        NOTIFICATION_TYPE,
        LINK_TYPE,
    }
)
"""Every attribute that a span, a span event or a span link of ours can carry."""

LOG_ATTRIBUTES: frozenset[str] = frozenset(
    {
        PROVIDER_NAME,
        CONVERSATION_ID,
        SESSION_ID,
        PROMPT_ID,
        LOG_RECORD_UID,
        EVENT_SEQUENCE,
        TOOL_NAME,
        TOOL_TYPE,
        TOOL_CALL_ID,
        TOOL_CALL_ARGUMENTS,
        TOOL_CALL_RESULT,
        INPUT_MESSAGES,
        OUTPUT_MESSAGES,
        AGENT_ID,
        AGENT_NAME,
        PERMISSION_MODE,
        REASONING_LEVEL,
        NOTIFICATION_TYPE,
        COMPACT_TRIGGER,
        SESSION_SOURCE,
        SESSION_END_REASON,
        ERROR_TYPE,
        PROCESS_EXIT_CODE,
        PROMPT_LENGTH,
        BACKGROUND_TASKS_COUNT,
        TOOL_DURATION_MS,
        TOOL_INPUT_SIZE,
        TOOL_RESULT_SIZE,
    }
)
"""Every attribute that a log record of ours can carry."""

RESOURCE_ATTRIBUTES: frozenset[str] = frozenset({SERVICE_NAME, SERVICE_INSTANCE_ID, HOST_NAME, HOST_ARCH, OS_TYPE})
"""Every attribute of the resource that we set; users add their own by `OTEL_RESOURCE_ATTRIBUTES`."""
