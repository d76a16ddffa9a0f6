"""The API's list of events: newest first, filtered, paged by sequence number."""

import datetime as dt
import functools
from typing import Any

import duckdb
import msgspec

from sidecar.errors import QueryFailedError, QueryLimitError, StoreError
from sidecar.events import FIELDS
from sidecar.worker.query.sql import deadline
from sidecar.worker.store.reading import rows_where
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import UnstorableError

MAX_LIMIT = 1000
SECONDS = 5.0
"""Time limit of one page: text is searched in every payload."""
MAX_BYTES = 16 * 1024 * 1024
"""Payloads of one page; a page of large events ends earlier."""


class EventFilter(msgspec.Struct):
    """Which events: each field that is given must match.

    `since` (included) and `until` (left out) are ISO 8601 times, `before` and `after` sequence numbers.

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
    until: str | None = None


EQUAL = ("session_id", "agent", "agent_id", "event_type", "tool_name")
_CONDITIONS = {
    "since": "received_at >= ?::TIMESTAMPTZ",
    "until": "received_at < ?::TIMESTAMPTZ",
    "before": "seq < ?",
    "after": "seq > ?",
    "failed": "(event_type = 'ERROR' OR success IS FALSE) = ?",
    "text": "contains(lower(payload::VARCHAR), lower(?)) OR seq IN ("
    "SELECT seq FROM payload_parts WHERE contains(lower(text), lower(?)))",
}


def recent(store: Store, wanted: EventFilter) -> dict[str, Any]:
    """`{"events": [...], "next_before": seq or null}`: one page, and where the next one begins.

    With `after` the page is oldest first, and `next_after` says where to go on. `last` is the page's last number.
    """
    condition, values = _where(wanted)
    ascending = wanted.after is not None
    limit = min(max(wanted.limit, 1), MAX_LIMIT)
    try:
        rows, more = rows_where(
            functools.partial(store.fetch, watched=functools.partial(deadline, seconds=SECONDS)),
            condition,
            values,
            limit=limit,
            max_bytes=MAX_BYTES,
            descending=not ascending,
        )
    except UnstorableError:
        raise _no_time({"since": wanted.since, "until": wanted.until}) from None
    except StoreError as error:
        if isinstance(error.__cause__, duckdb.InterruptException):
            raise QueryLimitError(f"stopped after {SECONDS:g} s", hint="narrow it down, e.g. by since") from None
        raise
    page = [_shown(row) for row in rows]
    last = page[-1]["seq"] if page else None
    return {"events": page, "last": last, "next_after" if ascending else "next_before": last if more else None}


def _no_time(given: dict[str, str | None]) -> QueryFailedError:
    """Which of them DuckDB could not read; all that were given when Python could read each."""
    asked = {name: text for name, text in given.items() if text is not None}
    wrong = {name: text for name, text in asked.items() if not _is_time(text)} or asked
    told = " or ".join(f"{name}={text!r}" for name, text in wrong.items())
    return QueryFailedError(f"{told} is no time", hint="ISO 8601: 2026-01-31T12:00:00Z")


def _is_time(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _where(wanted: EventFilter) -> tuple[str, list[Any]]:
    given = {name: getattr(wanted, name) for name in (*EQUAL, *_CONDITIONS)}
    used = {name: value for name, value in given.items() if value is not None}
    conditions = [f"({_CONDITIONS.get(name, f'{name} = ?')})" for name in used]
    values = [value for name, value in used.items() for _ in range(_CONDITIONS.get(name, "?").count("?"))]
    return " AND ".join(conditions) or "true", values


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    shown = dict(zip(FIELDS, row, strict=True))
    for name in ("received_at", "occurred_at"):
        shown[name] = shown[name].isoformat(timespec="microseconds").replace("+00:00", "Z")
    shown["payload"] = msgspec.Raw(shown["payload"].encode())
    shown["redactions"] = msgspec.Raw((shown["redactions"] or "{}").encode())
    return shown
