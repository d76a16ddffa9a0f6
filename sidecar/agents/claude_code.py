"""Claude Code's native hook payloads (client 2.1.330, 33 events) → `HookEvent`.

The payload has no id and no time of its own, so both are those of the receipt. Unknown events become `OTHER`,
unknown fields stay in the payload.
"""

from typing import Any

from sidecar.agents import fields
from sidecar.agents.receipt import Receipt
from sidecar.events import EventType, HookEvent

AGENT = "claude-code"

EVENT_TYPES: dict[str, EventType] = {
    "PreToolUse": EventType.PRE_TOOL_USE,
    "PostToolUse": EventType.POST_TOOL_USE,
    "PostToolUseFailure": EventType.ERROR,
    "StopFailure": EventType.ERROR,
    "PermissionDenied": EventType.ERROR,
    "SessionStart": EventType.AGENT_START,
    "SubagentStart": EventType.AGENT_START,
    "Stop": EventType.AGENT_STOP,
    "SubagentStop": EventType.AGENT_STOP,
    "SessionEnd": EventType.AGENT_STOP,
    "UserPromptSubmit": EventType.USER_PROMPT,
    "PermissionRequest": EventType.PERMISSION_REQUEST,
    "Notification": EventType.NOTIFICATION,
    "PreCompact": EventType.COMPACT,
    "PostCompact": EventType.COMPACT,
}

SUCCESS = {"PostToolUse": True, "PostToolUseFailure": False, "StopFailure": False, "PermissionDenied": False}


def normalise(payload: dict[str, Any], receipt: Receipt) -> HookEvent:
    """One native payload, redacted already, as an event.

    Raises:
        BadRequestError: there is no session id.
    """
    name = fields.text(payload, "hook_event_name") or "unknown"
    success = SUCCESS.get(name)
    return HookEvent(
        event_id=receipt.event_id,
        received_at=receipt.received_at,
        occurred_at=receipt.received_at,
        host=receipt.host,
        agent=AGENT,
        event_type=EVENT_TYPES.get(name, EventType.OTHER),
        hook_event_name=name,
        session_id=fields.session_id(payload),
        prompt_id=fields.text(payload, "prompt_id"),
        agent_id=fields.text(payload, "agent_id"),
        agent_type=fields.text(payload, "agent_type"),
        tool_name=fields.text(payload, "tool_name"),
        tool_use_id=fields.text(payload, "tool_use_id"),
        success=success,
        error=fields.error_text(payload, "error", "reason") if success is False else None,
        execution_time_ms=fields.number(payload, "duration_ms"),
        cwd=fields.text(payload, "cwd"),
        payload=receipt.raw,
        redactions=receipt.redactions,
        redaction_failed=receipt.redaction_failed,
        size_bytes=receipt.size_bytes,
    )
