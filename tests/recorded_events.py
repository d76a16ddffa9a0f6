"""Events for sink tests, made of the recorded payloads in `tests/data/sessions`."""

import functools
import gzip
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sidecar.events import EventType, HookEvent

SESSIONS = Path(__file__).parent / "data" / "sessions"

START = 1_790_000_000_123_456
"""When the first event arrived: microseconds since the epoch."""

STEP = 250_000
"""Microseconds between two events."""

TYPES = {
    "PreToolUse": EventType.PRE_TOOL_USE,
    "PostToolUse": EventType.POST_TOOL_USE,
    "PostToolUseFailure": EventType.ERROR,
    "UserPromptSubmit": EventType.USER_PROMPT,
    "SessionStart": EventType.AGENT_START,
    "Stop": EventType.AGENT_STOP,
}


@functools.cache
def recorded_payloads() -> tuple[dict[str, Any], ...]:
    """Every hook payload of every recorded session."""
    lines = itertools.chain.from_iterable(
        gzip.decompress(file.read_bytes()).splitlines() for file in sorted(SESSIONS.glob("*.jsonl.gz"))
    )
    return tuple(msgspec.json.decode(line)["body"] for line in lines)


def recorded_events(count: int) -> list[HookEvent]:
    """So many events with ids of their own, in journal order, the recordings over and over."""
    bodies = itertools.islice(itertools.cycle(recorded_payloads()), count)
    return [_event(seq, body) for seq, body in enumerate(bodies, start=1)]


def variants(events: list[HookEvent], **changes: Any) -> Iterator[HookEvent]:
    """The same events with other fields."""
    return (msgspec.structs.replace(event, **changes) for event in events)


def _event(seq: int, body: dict[str, Any]) -> HookEvent:
    raw = msgspec.json.encode(body)
    name = body["hook_event_name"]
    return HookEvent(
        seq=seq,
        event_id=str(uuid.uuid4()),
        received_at=START + seq * STEP,
        occurred_at=START + seq * STEP,
        host="testhost",
        agent="claude-code",
        event_type=TYPES.get(name, EventType.OTHER),
        hook_event_name=name,
        payload=msgspec.Raw(raw),
        success={"PostToolUse": True, "PostToolUseFailure": False}.get(name),
        execution_time_ms=body.get("duration_ms"),
        redactions={"home_path": 2} if "cwd" in body else {},
        size_bytes=len(raw),
        processing_time_ms=0.25,
        **{key: body.get(key) for key in ("session_id", "prompt_id", "agent_id", "agent_type", "error", "cwd")},
        **{key: body.get(key) for key in ("tool_name", "tool_use_id")},
    )
