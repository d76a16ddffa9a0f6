"""A store of large payloads, which as a whole do not fit into what it may use."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from sidecar.events import EventType, HookEvent
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import Store

LARGE = 60_000
BEGAN = 1_790_000_000_000_000


def event(seq: int, tool: str, size: int, session: str = "long") -> HookEvent:
    """One that a tool's answer of so many bytes makes."""
    named = {"session_id": session, "tool_name": tool, "tool_input": {"command": f"ls {seq}"}}
    payload = msgspec.json.encode({**named, "tool_response": {"stdout": f"{seq:06}" * (size // 6)}})
    return HookEvent(
        seq=seq, event_id=f"e{seq}", received_at=BEGAN + seq, occurred_at=BEGAN, host="h", agent="claude-code",
        event_type=EventType.POST_TOOL_USE, hook_event_name="PostToolUse", session_id=session, tool_name=tool,
        payload=msgspec.Raw(payload), size_bytes=len(payload),
    )  # fmt: skip


@contextlib.contextmanager
def large_payloads(folder: Path) -> Iterator[Store]:
    """18 MB of them, every other event, in a store with 64 MB of memory."""
    store = Store(folder / "store.duckdb", 64)
    events = [event(seq, "Read" if seq % 2 else "Bash", LARGE if seq % 2 else 100) for seq in range(1, 600)]
    events.append(event(600, "Bash", 10, "small"))
    for at in range(0, len(events), 50):
        store.load(events[at : at + 50], Notes())
    yield store
    store.close()


def rows(found: duckdb.DuckDBPyConnection) -> list[Any]:
    return [tuple(map(str, row)) for row in found.fetchall()]
