"""The integration guide's event format → `HookEvent`, for agents and scripts that write their own events.

Fields: `session_id`, `agent_id`, `event_type`, `tool_name`, `parameters`, `result`, `success`, `error`,
`execution_time_ms`, `timestamp`; besides them `agent`, `hook_event_name`, `prompt_id`, `tool_use_id`, `agent_type`,
`cwd` and `event_id` are understood, and any other field is kept in the payload.
"""

import datetime as dt
from typing import Any

from sidecar.agents import fields
from sidecar.agents.receipt import Receipt
from sidecar.events import EventType, HookEvent

DEFAULT_AGENT = "custom"

SUCCESS = {EventType.POST_TOOL_USE: True, EventType.ERROR: False}
"""What an event without `success` says by its type."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def normalise(payload: dict[str, Any], receipt: Receipt) -> HookEvent:
    """One event of the guide's format, redacted already.

    Raises:
        BadRequestError: there is no session id.
    """
    name = fields.text(payload, "event_type") or "unknown"
    event_type = EventType(name) if name in EventType.__members__ else EventType.OTHER
    given = payload.get("success")
    return HookEvent(
        event_id=receipt.event_id,
        received_at=receipt.received_at,
        occurred_at=occurred_at(fields.text(payload, "timestamp"), receipt.received_at),
        host=receipt.host,
        agent=fields.text(payload, "agent") or DEFAULT_AGENT,
        event_type=event_type,
        hook_event_name=fields.text(payload, "hook_event_name") or name,
        session_id=fields.session_id(payload),
        prompt_id=fields.text(payload, "prompt_id"),
        agent_id=fields.text(payload, "agent_id"),
        agent_type=fields.text(payload, "agent_type"),
        tool_name=fields.text(payload, "tool_name"),
        tool_use_id=fields.text(payload, "tool_use_id"),
        success=given if isinstance(given, bool) else SUCCESS.get(event_type),
        error=fields.error_text(payload, "error"),
        execution_time_ms=fields.number(payload, "execution_time_ms"),
        cwd=fields.text(payload, "cwd"),
        payload=receipt.raw,
        redactions=receipt.redactions,
        redaction_failed=receipt.redaction_failed,
        size_bytes=receipt.size_bytes,
    )


def occurred_at(timestamp: str | None, received_at: int) -> int:
    """Microseconds since the epoch of an ISO 8601 time; without a zone it is UTC, unreadable it is the receipt's.

    So is one whose UTC is before year 1 or after 9999: nobody who reads it could show it.
    """
    if timestamp is None:
        return received_at
    try:
        moment = dt.datetime.fromisoformat(timestamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return (moment.astimezone(dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return received_at
