"""Laws of the views: SQL tells of calls, turns and sessions what spans tell of them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sidecar.agents import Receipt, claude_code, guide
from sidecar.events import HookEvent
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import Store

START = 1_790_000_000_000_000


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.duckdb", memory_mb=64)
    yield store
    store.close()


def claude(seq: int, name: str, at_ms: float | None = None, **body: object) -> HookEvent:
    """One native event of session `s`, prompt `p`: `at_ms` after the start, else as many as its number."""
    return _event(claude_code, seq, at_ms, {"hook_event_name": name, "prompt_id": "p", **body})


def custom(seq: int, name: str, at_ms: float | None = None, **body: object) -> HookEvent:
    """The same in the guide's format, with neither prompt nor ids of calls."""
    return _event(guide, seq, at_ms, {"event_type": name, **body})


def _event(agent: object, seq: int, at_ms: float | None, body: dict[str, object]) -> HookEvent:
    payload = {"session_id": "s", **body}
    at = START + round((seq if at_ms is None else at_ms) * 1000)
    receipt = Receipt(event_id=f"e{seq}", received_at=at, host="h", payload=msgspec.json.encode(payload))
    return msgspec.structs.replace(agent.normalise(payload, receipt), seq=seq)  # type: ignore[attr-defined]


def test_a_tools_time_is_its_own(store: Store) -> None:
    """Percentiles are of the tool's own time, not of the user's answer to a request; the wall's stand beside them."""
    bash = {"tool_name": "Bash", "tool_use_id": "a"}
    store.load(
        [
            claude(1, "PreToolUse", 0, **bash),
            claude(2, "PermissionRequest", 1, tool_name="Bash"),
            claude(3, "PostToolUse", 6061, **bash, duration_ms=3),
            claude(4, "PreToolUse", 7000, tool_name="Bash", tool_use_id="refused"),
            claude(5, "PermissionDenied", 9000, tool_name="Bash", tool_use_id="refused"),
            custom(6, "PRE_TOOL_USE", 9001, tool_name="test"),
            custom(7, "POST_TOOL_USE", 9002, tool_name="test", execution_time_ms=12),
            custom(8, "PRE_TOOL_USE", 9003, tool_name="silent"),
            custom(9, "POST_TOOL_USE", 9007, tool_name="silent"),
        ],
        Notes(),
    )

    times = "avg_ms, p50_ms, p95_ms, max_ms, p50_wall_ms, p95_wall_ms"

    assert [
        ("Bash", 3.0, 3.0, 3.0, 3.0, 6061.0, 6061.0),
        ("silent", 4.0, 4.0, 4.0, 4.0, 4.0, 4.0),
        ("test", 12.0, 12.0, 12.0, 12.0, 1.0, 1.0),
    ] == store.fetch(f"SELECT tool_name, {times} FROM tool_stats ORDER BY tool_name")
