"""Events out of the store, a page at a time, with as little in memory as a page holds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sidecar.events import HookEvent
from sidecar.worker.store.payloads import MARK, joined
from sidecar.worker.store.rows import COLUMNS, event_of

PAGE_EVENTS = 100
"""Rows read at once with their payloads, which may be megabytes each."""
PAGE_BYTES = 8 * 1024 * 1024

Row = tuple[Any, ...]
Fetch = Callable[[str, Sequence[Any]], list[Row]]
_PAYLOAD = COLUMNS.index("payload")
_ALL = f"SELECT {', '.join(COLUMNS)} FROM events_stored"


def rows_where(
    fetch: Fetch, condition: str, values: Sequence[Any], *, limit: int, max_bytes: int, descending: bool = False
) -> tuple[list[Row], bool]:
    """Rows of `COLUMNS`, in order of their numbers, and whether there are more.

    At most `limit` rows and about `max_bytes`, but at least one. Sizes are asked first: DuckDB would hold every
    payload that it sorts.
    """
    order = "DESC" if descending else "ASC"
    sizes = f"SELECT seq, size_bytes FROM events_stored WHERE {condition} ORDER BY seq {order} LIMIT ?"
    found = fetch(sizes, [*values, limit + 1])
    seqs = _within(found[:limit], max_bytes)
    return rows_of(fetch, seqs), len(seqs) < len(found)


def rows_of(fetch: Fetch, seqs: Sequence[int]) -> list[Row]:
    """The rows with these numbers, in their order, every payload whole."""
    if not seqs:
        return []
    values = [min(seqs), max(seqs), list(seqs)]
    chosen = "WHERE seq BETWEEN ? AND ? AND seq IN (SELECT unnest(?))"
    rows = {row[0]: row for row in fetch(f"{_ALL} {chosen}", values)}
    large = [seq for seq, row in rows.items() if row[_PAYLOAD].startswith(MARK)]
    if large:
        values = [min(large), max(large), large]
        parts = joined(fetch(f"SELECT seq, part, text FROM payload_parts {chosen}", values))
        for seq, payload in parts.items():
            rows[seq] = (*rows[seq][:_PAYLOAD], payload, *rows[seq][_PAYLOAD + 1 :])
    return [rows[seq] for seq in seqs if seq in rows]


def events_where(
    fetch: Fetch, condition: str, values: Sequence[Any], *, limit: int, max_bytes: int
) -> list[HookEvent]:
    """The same as events, oldest first."""
    rows, _ = rows_where(fetch, condition, values, limit=limit, max_bytes=max_bytes)
    return [event_of(row) for row in rows]


def sessions_of_traces(fetch: Fetch, trace_ids: Sequence[str], up_to: int) -> Iterator[list[HookEvent]]:
    """All events up to `up_to`, a sequence number, of the sessions of these traces, a page at a time."""
    sessions = _sessions(fetch, trace_ids)
    if not sessions:
        return
    chosen = "session_id IN (SELECT unnest(?)) AND seq <= ?"
    sizes = fetch(f"SELECT seq, size_bytes FROM events_stored WHERE {chosen} ORDER BY seq", [sessions, up_to])
    while sizes:
        page = _within(sizes[:PAGE_EVENTS], PAGE_BYTES)
        sizes = sizes[len(page) :]
        yield [event_of(row) for row in rows_of(fetch, page)]


def _sessions(fetch: Fetch, trace_ids: Sequence[str]) -> list[str]:
    """The sessions of traces: sealed days are asked only for those that the hot part does not know."""
    found: set[tuple[str, str]] = set()
    for table in ("events_hot", "events_stored"):
        missing = list(set(trace_ids) - {trace for trace, _ in found})
        if missing:
            query = f"SELECT DISTINCT trace_id, session_id FROM {table} WHERE trace_id IN (SELECT unnest(?))"
            found.update((trace, session) for trace, session in fetch(query, [missing]))
    return sorted({session for _, session in found})


def _within(sizes: Sequence[Row], max_bytes: int) -> list[int]:
    """The numbers of rows of `(seq, size)` up to about `max_bytes`, at least the first."""
    kept: list[int] = []
    filled = 0
    for seq, size in sizes:
        if kept and filled + size > max_bytes:
            break
        filled += size
        kept.append(int(seq))
    return kept
