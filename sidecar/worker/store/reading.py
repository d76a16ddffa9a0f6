"""Events out of the store, a page at a time, with as little in memory as a page holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sidecar.events import HookEvent
from sidecar.worker.store.payloads import MARK, joined
from sidecar.worker.store.rows import COLUMNS, event_of, moment

PAGE_EVENTS = 100
"""Rows read at once with their payloads, which may be megabytes each."""
PAGE_BYTES = 8 * 1024 * 1024

Row = tuple[Any, ...]
Fetch = Callable[[str, Sequence[Any]], list[Row]]
_PAYLOAD = COLUMNS.index("payload")
_ALL = f"SELECT {', '.join(COLUMNS)} FROM events_stored"
_SIZES_SINCE = """
SELECT seq, size_bytes FROM events_stored
JOIN (SELECT unnest($3) AS session_id, unnest($4) AS begun) AS held USING (session_id)
WHERE seq <= $1 AND received_at >= $2 AND received_at >= begun
ORDER BY seq
"""


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


def sessions_of_traces(fetch: Fetch, since: Mapping[str, int], up_to: int) -> Iterator[list[HookEvent]]:
    """The events of the sessions of these traces, a page at a time.

    Args:
        fetch: reads the store.
        since: each trace, and from which receipt on, in microseconds since the epoch.
        up_to: the last sequence number.
    """
    sessions = _sessions(fetch, since)
    if not sessions:
        return
    begun = [moment(at) for at in sessions.values()]
    sizes = fetch(_SIZES_SINCE, [up_to, min(begun), list(sessions), begun])
    while sizes:
        page = _within(sizes[:PAGE_EVENTS], PAGE_BYTES)
        sizes = sizes[len(page) :]
        yield [event_of(row) for row in rows_of(fetch, page)]


def _sessions(fetch: Fetch, since: Mapping[str, int]) -> dict[str, int]:
    """The sessions of traces and their earliest time.

    Sealed days are asked only for those that the hot part does not know.
    """
    found: set[tuple[str, str]] = set()
    for table in ("events_hot", "events_stored"):
        missing = list(set(since) - {trace for trace, _ in found})
        if missing:
            query = f"SELECT DISTINCT trace_id, session_id FROM {table} WHERE trace_id IN (SELECT unnest(?))"
            found.update((trace, session) for trace, session in fetch(query, [missing]))
    sessions: dict[str, int] = {}
    for trace, session in sorted(found):
        sessions[session] = min(since[trace], sessions.get(session, since[trace]))
    return sessions


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
