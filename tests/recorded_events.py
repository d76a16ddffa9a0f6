"""Any number of distinct events for tests of journal and sinks, made of the recorded payloads."""

import functools
import itertools
import uuid
from typing import Any

import msgspec

from sidecar.events import HookEvent
from tests import recorded

START = 1_790_000_000_123_456
"""When the first event arrived: microseconds since the epoch."""

STEP = 250_000
"""Microseconds between two events."""


@functools.cache
def recorded_payloads() -> tuple[dict[str, Any], ...]:
    """Every hook payload of every recorded session."""
    return tuple(itertools.chain.from_iterable(map(recorded.payloads, recorded.NAMES)))


def recorded_events(count: int) -> list[HookEvent]:
    """So many events with ids of their own, in journal order, the recordings over and over."""
    bodies = itertools.islice(itertools.cycle(recorded_payloads()), count)
    return [_event(seq, body) for seq, body in enumerate(bodies, start=1)]


def _event(seq: int, body: dict[str, Any]) -> HookEvent:
    event = recorded.event(body, 0.0, seq)
    return msgspec.structs.replace(
        event,
        event_id=str(uuid.uuid4()),
        received_at=START + seq * STEP,
        occurred_at=START + seq * STEP,
        cwd=body.get("cwd"),
        redactions={"home_path": 2} if "cwd" in body else {},
        size_bytes=len(bytes(event.payload)),
        processing_time_ms=0.25,
    )
