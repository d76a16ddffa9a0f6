"""What is left of an event that could not be redacted: its ids, nothing that anyone wrote."""

import re
from typing import Any

DROPPED = "[REDACTION_FAILED]"
"""Stands for content that was dropped because it could not be redacted."""

_KEPT = frozenset({
    "session_id", "prompt_id", "tool_use_id", "agent_id", "event_id", "turn_id", "message_id", "request_id",
    "parent_tool_use_id", "hook_event_name", "event_type", "tool_name", "agent_type", "permission_mode",
    "timestamp", "reason", "source", "trigger",
})  # fmt: skip
_ID = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?:toolu|call|msg|agent|req|evt|turn|sess|session)_[0-9A-Za-z]{4,64}"
    r"|[A-Za-z][A-Za-z_-]{0,40}(?:-?[0-9]{1,6})?|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,16}(?:Z|[+-][0-9:]{4,6})?|[0-9a-f]{1,32}"
)


def ids_of(payload: Any) -> Any:
    """The ids and kinds of an event as far as they have the form of one; anything else is `DROPPED`."""
    if not isinstance(payload, dict):
        return DROPPED
    kept = {key: value for key, value in payload.items() if key in _KEPT and _is_id(value)}
    return {**kept, "dropped": DROPPED}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
