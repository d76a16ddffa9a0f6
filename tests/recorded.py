"""Recorded sessions of the real client as events, for tests of everything behind the normaliser."""

import functools
import gzip
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sidecar.events import EventType, HookEvent
from sidecar.otel.ids import ids_of
from sidecar.otel.scope import traces_of

SESSIONS = Path(__file__).parent / "data" / "sessions"
NAMES = tuple(sorted(path.name.removesuffix(".jsonl.gz") for path in SESSIONS.glob("*.jsonl.gz")))

BASE = 1_760_000_000_000_000
"""Receipt of the first event of every recording, in microseconds since the epoch."""

EVENT_TYPES = {
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


def event(body: dict[str, Any], at: float, seq: int, *, agent: str = "claude-code") -> HookEvent:
    """One payload as the journal would hold it, received `at` seconds after `BASE`."""
    name = body.get("hook_event_name") or body["event_type"]
    event_id = body.get("event_id") or f"event-{seq:05d}"
    words = {key: body.get(key) for key in ("prompt_id", "agent_id", "tool_name", "tool_use_id")}
    trace_id, span_id = ids_of(session_id=body["session_id"], event_id=event_id, hook_event_name=name, **words)
    received_at = BASE + round(at * 1e6)
    return HookEvent(
        seq=seq,
        event_id=event_id,
        received_at=received_at,
        occurred_at=received_at,
        host="test-host",
        agent=agent,
        event_type=EVENT_TYPES.get(name, EventType(name) if name in EventType.__members__ else EventType.OTHER),
        hook_event_name=name,
        session_id=body["session_id"],
        payload=msgspec.Raw(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")),
        agent_type=body.get("agent_type"),
        success=body.get("success", SUCCESS.get(name)),
        error=body.get("error"),
        execution_time_ms=body.get("duration_ms", body.get("execution_time_ms")),
        trace_id=trace_id,
        span_id=span_id,
        **words,
    )


def bodies(name: str) -> list[tuple[float, dict[str, Any]]]:
    """`(seconds, native payload)` of every event of one recording, fresh at each call."""
    with gzip.open(SESSIONS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [(record["t"], record["body"]) for record in map(json.loads, lines)]


def payloads(name: str) -> list[dict[str, Any]]:
    """The bodies that the real client sent in one recording, fresh at each call."""
    return [body for _, body in bodies(name)]


def secrets() -> list[str]:
    """What was made up for the recording `pii` and must be found in none of its events."""
    return gzip.decompress((SESSIONS / "pii.secrets.txt.gz").read_bytes()).decode().splitlines()


@functools.cache
def session(name: str) -> tuple[HookEvent, ...]:
    """One recording as events, in the order of their arrival."""
    return tuple(event(body, at, seq) for seq, (at, body) in enumerate(bodies(name), start=1))


def by_trace(events: tuple[HookEvent, ...]) -> dict[str, list[HookEvent]]:
    """The events of each turn (and of the session-level trace), by trace id."""
    traces: dict[str, list[HookEvent]] = defaultdict(list)
    for one in events:
        traces[one.trace_id or ""].append(one)
    return dict(traces)


def stored_since(held: Mapping[str, int], events: Sequence[HookEvent]) -> list[HookEvent]:
    """What the store gives a restart: of the sessions of held turns the events since those began."""
    begun: dict[str, int] = {}
    traces = traces_of(held)
    for one in events:
        if (at := traces.get(str(one.trace_id))) is not None:
            begun[one.session_id] = min(at, begun.get(one.session_id, at))
    return [one for one in events if one.received_at >= begun.get(one.session_id, one.received_at + 1)]
