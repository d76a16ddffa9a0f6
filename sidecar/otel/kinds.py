"""What an event means for a turn, whichever agent and vocabulary it comes from."""

import enum


class Kind(enum.StrEnum):
    """The part that one event plays in its turn."""

    OPEN = "open"
    PRE = "pre"
    POST = "post"
    FAIL = "fail"
    DENIED = "denied"
    BATCH = "batch"
    PERMISSION = "permission"
    SUBAGENT_START = "subagent_start"
    SUBAGENT_STOP = "subagent_stop"
    COMPACT_START = "compact_start"
    COMPACT_END = "compact_end"
    NOTIFICATION = "notification"
    AGENT_ERROR = "agent_error"
    STOP = "stop"
    STOP_FAILURE = "stop_failure"
    SESSION_END = "session_end"
    ECHO = "echo"
    PASSIVE = "passive"


NATIVE: dict[str, Kind] = {
    "UserPromptSubmit": Kind.OPEN,
    "PreToolUse": Kind.PRE,
    "PostToolUse": Kind.POST,
    "PostToolUseFailure": Kind.FAIL,
    "PermissionDenied": Kind.DENIED,
    "PostToolBatch": Kind.BATCH,
    "PermissionRequest": Kind.PERMISSION,
    "SubagentStart": Kind.SUBAGENT_START,
    "SubagentStop": Kind.SUBAGENT_STOP,
    "PreCompact": Kind.COMPACT_START,
    "PostCompact": Kind.COMPACT_END,
    "Notification": Kind.NOTIFICATION,
    "Stop": Kind.STOP,
    "StopFailure": Kind.STOP_FAILURE,
    "SessionEnd": Kind.SESSION_END,
    "MessageDisplay": Kind.ECHO,
}
"""Claude Code's hook names (client 2.1.330). Any other native name is PASSIVE: it shapes no span."""

GUIDE: dict[str, Kind] = {
    "AGENT_START": Kind.OPEN,
    "PRE_TOOL_USE": Kind.PRE,
    "POST_TOOL_USE": Kind.POST,
    "ERROR": Kind.FAIL,
    "USER_PROMPT": Kind.ECHO,
    "PERMISSION_REQUEST": Kind.PERMISSION,
    "NOTIFICATION": Kind.NOTIFICATION,
    "AGENT_STOP": Kind.STOP,
}
"""The guide's vocabulary, for agents that send `event_type` and no hook name of their own."""

TOOL_KINDS = frozenset({Kind.PRE, Kind.POST, Kind.FAIL, Kind.DENIED})
"""Kinds that speak of exactly one tool call."""

ENDS_A_CALL = TOOL_KINDS - {Kind.PRE}
"""Those of them that say how it ended."""

STOP_KINDS = frozenset({Kind.STOP, Kind.STOP_FAILURE})
"""Kinds by which the main agent ends its turn."""


def kind_of(hook_event_name: str, tool_name: str | None, agent_id: str | None) -> Kind:
    """The kind of an event by the agent's own name for it; unknown names are PASSIVE.

    An ERROR of the guide's vocabulary without a tool is the agent's own failure, not that of a call. A subagent whose
    model fails says so by a StopFailure in place of its SubagentStop (client 2.1.330): that is no end of the turn.
    """
    native = NATIVE.get(hook_event_name)
    if native is Kind.STOP_FAILURE and agent_id:
        return Kind.SUBAGENT_STOP
    if native is not None:
        return native
    kind = GUIDE.get(hook_event_name, Kind.PASSIVE)
    return Kind.AGENT_ERROR if kind is Kind.FAIL and not tool_name else kind


def is_guide(hook_event_name: str) -> bool:
    """Whether the event speaks the guide's vocabulary, where `agent_id` names the main agent."""
    return hook_event_name in GUIDE
