"""The DuckDB file: opened, loaded in batches, asked."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from importlib import resources
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from sidecar.errors import StoreError
from sidecar.events import HookEvent
from sidecar.otel.model import Span
from sidecar.worker.store.notebook import DeadLetter, Notes
from sidecar.worker.store.rows import COLUMNS, event_of, moment, row_of, span_of, span_row

FILE_NAME = "store.duckdb"
STORE = "store"
"""The store's own name among the consumers of the journal."""


FROM_OUTSIDE = (
    "Could not set lock", "Permission denied", "Read-only", "No space left", "Disk quota", "Too many open files",
    "Is a directory", "No such file",
)  # fmt: skip
"""Words of DuckDB when it is not the file's fault that it will not open. Its error classes do not tell."""

SHORT_OF_MEMORY = ("Out of Memory", "failed to pin", "failed to allocate", "could not allocate", "Cannot allocate")
"""Words of DuckDB when its memory limit is too small: large payloads take it in whole, 2,048 rows at a time."""


class UnstorableError(StoreError):
    """DuckDB refuses a value of the rows themselves: trying again cannot help."""


class BrokenStoreError(StoreError):
    """What is in the file will not open, however often it is tried."""


class StoreMemoryError(StoreError):
    """DuckDB cannot open, read or write the file within its memory limit now."""


class InvalidatedStoreError(StoreError):
    """DuckDB has given the open database up, as after a failed write of its log: only opening it anew helps.

    `for_memory`: it was its memory limit, so that it must be opened with more.
    """

    for_memory = False


class Store:
    """One writer (the loader's thread) and any number of readers, each with a cursor of its own.

    Args:
        path: the DuckDB file; made when missing.
        memory_mb: DuckDB's memory limit.

    Raises:
        BrokenStoreError: the file holds no store that can be opened.
        StoreMemoryError: not with this much memory.
        StoreError: the file cannot be opened for another reason.
    """

    def __init__(self, path: Path, memory_mb: int) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._connection = duckdb.connect(str(path), config=_configuration(path, memory_mb))
            self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
            self._connection.execute(resources.files(__package__).joinpath("schema.sql").read_text("utf-8"))
            for closed in ("enable_external_access = false", "lock_configuration = true"):
                self._connection.execute(f"SET GLOBAL {closed}")
        except (duckdb.Error, OSError) as error:
            raise _not_opened(path, error) from error

    def load(self, events: Sequence[HookEvent], notes: Notes) -> None:
        """Adds events, moves the store's cursor and writes the notes, in one transaction.

        Raises:
            StoreError: nothing of it was written.
        """
        with self._lock, _as_store_error("load"), self._transaction():
            if events:
                _append(self._connection, "events_hot", [row_of(event) for event in events])
                self._set_cursor(STORE, events[-1].seq, None)
            for consumer, (seq, state) in notes.cursors.items():
                self._set_cursor(consumer, seq, state)
            if notes.dead_letters:
                _append(self._connection, "dead_letters", [_dead_letter_row(letter) for letter in notes.dead_letters])
            if notes.spans:
                self._replace_spans({(span.trace_id, span.span_id): span for span in notes.spans})

    def takes(self, event: HookEvent) -> bool:
        """Whether DuckDB takes this event's row; nothing is kept of the trial."""
        with self._lock:
            self._connection.begin()
            try:
                _append(self._connection, "events_hot", [row_of(event)])
            except duckdb.DataError:
                return False
            finally:
                self._connection.rollback()
        return True

    def forget_dead_letters(self, row_ids: Sequence[int]) -> None:
        """Removes dead letters by their row.

        Raises:
            StoreError: they stay.
        """
        if not row_ids:
            return
        with self._lock, _as_store_error("forget"), self._transaction():
            query = "DELETE FROM dead_letters WHERE rowid IN (SELECT unnest(?))"
            self._connection.execute(query, [list(row_ids)])

    def cursors(self) -> dict[str, tuple[int, str | None]]:
        """Consumer → (sequence number it has passed, its state)."""
        rows = self.fetch("SELECT consumer, seq, state FROM cursors")
        return {consumer: (seq, state) for consumer, seq, state in rows}

    def dead_letter_counts(self) -> dict[str, int]:
        """How many dead letters each sink has left."""
        return dict(self.fetch("SELECT sink, count(*) FROM dead_letters GROUP BY sink"))

    def events_of_traces(self, trace_ids: Sequence[str], up_to: int) -> list[HookEvent]:
        """All events of these traces with a sequence number up to `up_to`, in order."""
        if not trace_ids:
            return []
        columns = ", ".join(COLUMNS)
        query = f"SELECT {columns} FROM events_hot WHERE trace_id IN (SELECT unnest(?)) AND seq <= ? ORDER BY seq"
        return [event_of(row) for row in self.fetch(query, [list(trace_ids), up_to])]

    def events_between(self, after: int, before: int, *, limit: int, max_bytes: int) -> list[HookEvent]:
        """Events with numbers between the two, both left out, oldest first: at most `limit`, about `max_bytes`."""
        return self.events_where("seq > ? AND seq < ?", [after, before], limit=limit, max_bytes=max_bytes)

    def events_where(self, condition: str, values: Sequence[Any], *, limit: int, max_bytes: int) -> list[HookEvent]:
        """Events that meet a condition of our own, oldest first: at most `limit`, about `max_bytes`, at least one.

        Sizes are asked first and rows sorted here: DuckDB would hold every payload that it sorts.
        """
        sizes = f"SELECT seq, size_bytes FROM events_hot WHERE {condition} ORDER BY seq LIMIT ?"
        last = _last_within(self.fetch(sizes, [*values, limit]), max_bytes)
        if last is None:
            return []
        query = f"SELECT {', '.join(COLUMNS)} FROM events_hot WHERE {condition} AND seq <= ?"
        return [event_of(row) for row in sorted(self.fetch(query, [*values, last]), key=itemgetter(0))]

    def recent_spans(self, limit: int) -> list[Span]:
        """The spans that were exported last, at most `limit`, without their events and links."""
        columns = "trace_id, span_id, parent_span_id, service, name, started_at, ended_at, status, attributes"
        query = f"SELECT {columns} FROM spans ORDER BY ended_at DESC LIMIT {int(limit)}"
        return [span_of(row) for row in self.fetch(query)]

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query of our own, on a cursor of its own.

        Raises:
            StoreError: DuckDB refused it.
        """
        with _as_store_error("read"), contextlib.closing(self.cursor()) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def fetch_some(self, query: str, parameters: Sequence[Any], max_bytes: int) -> tuple[list[tuple[Any, ...]], bool]:
        """Rows until their text is over `max_bytes` (but at least one), and whether that cut them short.

        Raises:
            StoreError: DuckDB refused it.
        """
        rows: list[tuple[Any, ...]] = []
        size = 0
        with _as_store_error("read"), contextlib.closing(self.cursor()) as cursor:
            cursor.execute(query, parameters)
            while (row := cursor.fetchone()) is not None:
                size += sum(len(value) for value in row if isinstance(value, str))
                if rows and size > max_bytes:
                    return rows, True
                rows.append(row)
        return rows, False

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the same database for one reader."""
        return self._connection.cursor()

    def close(self) -> None:
        """Writes everything into the file and releases it. Safe to call twice."""
        with self._lock:
            self._connection.close()

    def _replace_spans(self, spans: dict[tuple[str, str], Span]) -> None:
        """A span that is exported again, after a crash or by a replay, takes the place of its row."""
        ids = [list(column) for column in zip(*spans, strict=True)]
        self._connection.execute(_FORGET_SPANS, ids)
        _append(self._connection, "spans", [span_row(span) for span in spans.values()])

    def _set_cursor(self, consumer: str, seq: int, state: str | None) -> None:
        self._connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", [consumer, seq, state])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


def _last_within(sizes: Sequence[tuple[Any, ...]], max_bytes: int) -> int | None:
    """The number up to which rows of `(seq, size)` are about `max_bytes`, at least the first; None without any."""
    filled = 0
    for seq, size in sizes:
        filled += size
        if filled >= max_bytes:
            return int(seq)
    return int(sizes[-1][0]) if sizes else None


def _append(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    appender = connection.appender(table)
    try:
        appender.append_rows(rows)
        appender.flush()
    except duckdb.Error:
        appender.clear()  # the transaction is rolled back: nothing of the batch may linger
        raise


def _dead_letter_row(letter: DeadLetter) -> tuple[Any, ...]:
    return (letter.sink, letter.seq, letter.event_id, moment(letter.died_at), letter.reason, letter.payload)


@contextlib.contextmanager
def _as_store_error(operation: str) -> Iterator[None]:
    """DuckDB's messages may quote values of a row, so only the kind of error is passed on for writes."""
    try:
        yield
    except (duckdb.FatalException, duckdb.InternalException) as error:
        invalidated = InvalidatedStoreError(
            f"cannot {operation}: {type(error).__name__}", hint="the worker opens the store anew by itself"
        )
        invalidated.for_memory = _says(error, SHORT_OF_MEMORY)
        raise invalidated from error
    except duckdb.DataError as error:
        raise UnstorableError(f"cannot {operation}: {type(error).__name__}") from error
    except duckdb.Error as error:
        kind = StoreMemoryError if _says(error, SHORT_OF_MEMORY) else StoreError
        raise kind(f"cannot {operation}: {type(error).__name__}", hint="see leanvibe status") from error


def _says(error: Exception, words: Sequence[str]) -> bool:
    return any(word in str(error) for word in words)


def _not_opened(path: Path, error: Exception) -> StoreError:
    reason = f"cannot open the store {path}: {str(error).partition(chr(10))[0][:300]}"
    if _says(error, SHORT_OF_MEMORY):
        return StoreMemoryError(reason, hint="raise LEANVIBE_STORE_MEMORY_MB")
    if isinstance(error, OSError) or _says(error, FROM_OUTSIDE):
        return StoreError(reason, hint="is another sidecar using it, is the disk full, who owns it?")
    return BrokenStoreError(reason, hint="it is moved aside by itself")


_FORGET_SPANS = "DELETE FROM spans WHERE (trace_id, span_id) IN (SELECT (unnest(?), unnest(?)))"


def _configuration(path: Path, memory_mb: int) -> dict[str, Any]:
    """No extension is fetched, no other file is read, and memory, threads and spilling are bounded."""
    return {
        "memory_limit": f"{memory_mb}MB",
        "threads": 2,
        "temp_directory": str(path.with_suffix(".tmp")),
        "max_temp_directory_size": "1GB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "preserve_insertion_order": False,
    }
