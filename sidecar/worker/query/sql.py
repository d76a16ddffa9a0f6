"""Runs one checked SELECT within limits of time, rows and bytes."""

import contextlib
import datetime as dt
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Protocol

import duckdb
import msgspec

from sidecar.errors import QueryFailedError, QueryLimitError, QueryMemoryError
from sidecar.worker.ceiling import USED_UP
from sidecar.worker.query.execute import at_once, in_slices
from sidecar.worker.query.guard import failure_of
from sidecar.worker.store.room import MORE, Room

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of the rows as JSON."""
NO_MEMORY_HINT = "name a session, a tool or a time in WHERE, or fewer columns; or raise LEANVIBE_STORE_MEMORY_MB"
IGNORED_INTERRUPT_SECONDS = 2.0
"""DuckDB can be deaf to an interrupt inside one function call; after this the worker ends itself and starts anew."""

LEAST_SECONDS = 0.1
"""Left for another attempt, however long the ones before took."""

Execute = Callable[[duckdb.DuckDBPyConnection, str], list[str]]
_ATTEMPTS: tuple[tuple[int, Execute], ...] = ((1, at_once), (1, in_slices), (MORE, in_slices), (MORE, at_once))
"""How many times the store's memory a query may have, and how it is executed, until that is enough."""

_encoder = msgspec.json.Encoder()


class SqlAnswer(msgspec.Struct):
    """Columns, rows as lists in the same order, and whether there were more than the limits let through."""

    columns: list[str]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    elapsed_ms: float
    behind: int = 0
    """Acknowledged events that the answer could not see yet: 0 but under heavy load."""


class Asked(Protocol):
    """The part of the store that a query is put to."""

    room: Room

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own."""


def answer(store: Asked, query: str, *, seconds: float, max_rows: int) -> SqlAnswer:
    """As `run`, with the memory that the store gives whoever asks, and again with more when that was too little."""
    started = time.monotonic()
    *before, last = _ATTEMPTS

    def ask(times: int, execute: Execute) -> SqlAnswer:
        left = max(LEAST_SECONDS, round(started + seconds - time.monotonic(), 1))
        with store.room.enough(times), contextlib.closing(store.cursor()) as cursor:
            found = run(cursor, query, seconds=left, max_rows=max_rows, execute=execute)
        return msgspec.structs.replace(found, elapsed_ms=round((time.monotonic() - started) * 1000, 3))

    for attempt in before:
        with contextlib.suppress(QueryMemoryError):
            return ask(*attempt)
    return ask(*last)


def run(
    cursor: duckdb.DuckDBPyConnection, query: str, *, seconds: float, max_rows: int, execute: Execute = at_once
) -> SqlAnswer:
    """The answer to one SELECT.

    Args:
        cursor: a connection of its own for this query; closed by the caller.
        query: the user's text.
        seconds: time limit, for the query and the fetching of its rows.
        max_rows: rows of the answer; when there are more it is truncated.
        execute: how.

    Raises:
        QueryRefusedError: it may not run.
        QueryFailedError: DuckDB refused it, with DuckDB's own reason.
        QueryLimitError: it ran out of time.
        QueryMemoryError: it ran out of memory.
    """
    started = time.monotonic()
    with deadline(cursor, seconds) as is_over:
        try:
            columns = execute(cursor, query)
            rows, truncated = _fetch(cursor, max_rows)
        except duckdb.InterruptException:
            raise QueryLimitError(
                f"stopped after {seconds:g} s", hint="narrow it down, e.g. by received_at"
            ) from None
        except (duckdb.OutOfMemoryException, MemoryError):
            raise QueryMemoryError("out of memory", hint=NO_MEMORY_HINT) from None
        except duckdb.Error as error:
            if is_over():
                raise QueryLimitError(f"stopped after {seconds:g} s") from None
            raise failure_of(error) from None
        except (OverflowError, ValueError):
            raise QueryFailedError("a value is beyond what can be shown", hint="cast it to VARCHAR") from None
    elapsed = round((time.monotonic() - started) * 1000, 3)
    return SqlAnswer(columns, rows, len(rows), truncated, elapsed)


def _fetch(cursor: duckdb.DuckDBPyConnection, max_rows: int) -> tuple[list[list[Any]], bool]:
    rows: list[list[Any]] = []
    size = 0
    while (row := cursor.fetchone()) is not None:  # one by one: a row may be as large as an answer
        shown = [json_value(value) for value in row]
        size += len(_encoder.encode(shown))
        if len(rows) == max_rows or size > MAX_ANSWER_BYTES:
            return rows, True
        rows.append(shown)
    return rows, False


def json_value(value: Any) -> Any:  # noqa: PLR0911  one line per type
    """A value that JSON can say: numbers that a double cannot hold exactly, and everything unknown, become text."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= 2**53 else str(value)
        case float():
            return value if value - value == 0 else str(value)  # NaN and infinities
        case Decimal():
            return float(value) if len(value.as_tuple().digits) <= sys.float_info.dig else str(value)
        case bytes():
            return value.hex()
        case dt.timedelta():
            return span_text(value)
        case list() | tuple():
            return [json_value(one) for one in value]
        case dict():
            return {str(key): json_value(one) for key, one in value.items()}
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)


def span_text(span: dt.timedelta) -> str:
    """A span of time as DuckDB writes it (`32 days 00:00:03.5`), with a minus before all of it when negative."""
    positive = abs(span)
    clock = f"{positive - dt.timedelta(days=positive.days)}".rjust(8, "0")
    if "." in clock:
        clock = clock.rjust(15, "0").rstrip("0")
    days = f"{positive.days} day{'' if positive.days == 1 else 's'} " if positive.days else ""
    return f"{'-' if span < dt.timedelta() else ''}{days}{clock}"


def _start(timer: threading.Timer) -> None:
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        raise QueryLimitError("the worker is short of memory", hint="another query holds it; try again") from None


@contextlib.contextmanager
def deadline(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[Callable[[], bool]]:
    """Interrupts the query when its time is over; a query that does not listen takes the worker with it.

    Raises:
        QueryLimitError: another query holds so much memory that no thread can be had to watch this one.
    """
    over = threading.Event()

    def interrupt() -> None:
        over.set()
        cursor.interrupt()

    timers = [
        threading.Timer(seconds, interrupt),
        threading.Timer(seconds + IGNORED_INTERRUPT_SECONDS, os._exit, (USED_UP,)),
    ]
    try:
        for timer in timers:
            _start(timer)
        yield over.is_set
    finally:
        for timer in timers:
            timer.cancel()
