"""The API's list of events: newest first, filtered, paged by sequence number."""

from typing import Any

import msgspec

from sidecar.errors import QueryFailedError
from sidecar.events import FIELDS
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import UnstorableError

MAX_LIMIT = 1000
MAX_BYTES = 16 * 1024 * 1024
"""Payloads of one page; a page of large events ends earlier."""


class EventFilter(msgspec.Struct):
    """Which events: each field that is given must match; `since` is an ISO 8601 time, `before` a sequence number.

    `failed` chooses by outcome, `text` what is found anywhere in the payload, in upper or lower case.
    """

    session_id: str | None = None
    agent: str | None = None
    agent_id: str | None = None
    event_type: str | None = None
    tool_name: str | None = None
    failed: bool | None = None
    text: str | None = None
    since: str | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 100


EQUAL = ("session_id", "agent", "agent_id", "event_type", "tool_name")
_CONDITIONS = {
    "since": "received_at >= ?::TIMESTAMPTZ",
    "before": "seq < ?",
    "after": "seq > ?",
    "failed": "(event_type = 'ERROR' OR success IS FALSE) = ?",
    "text": "contains(lower(payload::VARCHAR), lower(?))",
}


def recent(store: Store, wanted: EventFilter) -> dict[str, Any]:
    """`{"events": [...], "next_before": seq or null}`: one page, and where the next one begins.

    With `after` the page is oldest first, and `next_after` says where to go on. `last` is the page's last number.
    """
    conditions, values = _where(wanted)
    limit = min(max(wanted.limit, 1), MAX_LIMIT)
    ascending = wanted.after is not None
    query = (
        f"SELECT {', '.join(FIELDS)} FROM events_hot WHERE {' AND '.join(conditions) or 'true'} "
        f"ORDER BY seq {'ASC' if ascending else 'DESC'} LIMIT {limit + 1}"
    )
    try:
        rows, cut = store.fetch_some(query, values, MAX_BYTES)
    except UnstorableError:
        raise QueryFailedError(f"since={wanted.since!r} is no time", hint="ISO 8601: 2026-01-31T12:00:00Z") from None
    page = [_shown(row) for row in rows[:limit]]
    more = page[-1]["seq"] if page and (cut or len(rows) > limit) else None
    last = page[-1]["seq"] if page else None
    return {"events": page, "last": last, "next_after" if ascending else "next_before": more}


def _where(wanted: EventFilter) -> tuple[list[str], list[Any]]:
    given = {name: getattr(wanted, name) for name in (*EQUAL, *_CONDITIONS)}
    used = {name: value for name, value in given.items() if value is not None}
    return [_CONDITIONS.get(name, f"{name} = ?") for name in used], list(used.values())


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    shown = dict(zip(FIELDS, row, strict=True))
    for name in ("received_at", "occurred_at"):
        shown[name] = shown[name].isoformat(timespec="microseconds").replace("+00:00", "Z")
    shown["payload"] = msgspec.Raw(shown["payload"].encode())
    shown["redactions"] = msgspec.Raw((shown["redactions"] or "{}").encode())
    return shown
