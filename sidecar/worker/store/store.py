"""The store: a DuckDB file and the sealed days beside it, opened, loaded in batches, asked."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from sidecar.events import BEGINS_NO_SESSION, HookEvent
from sidecar.otel.metric_model import Point
from sidecar.otel.model import Span
from sidecar.worker.store import letters, reading, sealed
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.payloads import is_large, parts_of
from sidecar.worker.store.room import Room
from sidecar.worker.store.rows import counter_of, counter_row, moment, row_of, span_of, span_row
from sidecar.worker.store.transaction import append, transaction
from sidecar.worker.store.trouble import Place, UnstorableError, as_store_error, not_opened

FILE_NAME = "store.duckdb"
STORE = "store"
"""The store's own name among the consumers of the journal."""
RECENT_EVENTS = 500_000
"""Enough to know the sessions that may go on, few enough for a start that does not read every sealed day."""
SPAN_DRIFT_US = 3 * 24 * 3600 * 1_000_000
"""A span that is exported again ends when it did before, or some days later: DuckDB need not read all others."""
_FORGET_SPANS = """
DELETE FROM spans
WHERE ended_at BETWEEN ? AND ? AND (trace_id, span_id) IN (SELECT (unnest(?), unnest(?)))
"""


class Store:
    """One writer (the loader's thread) and any number of readers, each with a cursor of its own.

    Args:
        path: the DuckDB file; made when missing.
        memory_mb: DuckDB's memory limit while somebody asks; see `Room`.

    Raises:
        BrokenStoreError: the file holds no store that can be opened.
        StoreMemoryError: not with this much memory.
        StoreError: the file cannot be opened for another reason.
    """

    def __init__(self, path: Path, memory_mb: int) -> None:
        self.path = path
        self.folder = path.parent / sealed.FOLDER
        """Where the sealed days are."""
        self.doubted = threading.Event()
        """Set when a sealed file could not be read."""
        self.writing = threading.Lock()
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._connection = duckdb.connect(str(path), config=_configuration(path, memory_mb))
            self._place = Place(path)
            self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
            self._connection.execute(_sql("schema.sql"))
            sealed.reconcile(self._connection, self.folder)
            sealed.replace_views(self._connection, self.folder)
            self._connection.execute(_sql("calls.sql") + _sql("views.sql"))
            readable = [f"{self.folder}/", f"{sealed.as_pattern(self.folder)}/"]
            self._connection.execute("SET GLOBAL allowed_directories = ?", [readable])
            for closed in (
                "allowed_configs = ['memory_limit']",  # no query may set anything: only a SELECT is let through
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                self._connection.execute(f"SET GLOBAL {closed}")
            self.room = Room(self.cursor(), memory_mb)
            self.sealed_through = max((file.last_seq for file in sealed.listed(self._connection)), default=0)
            """The highest sequence number that is sealed; others below it may be hot."""
        except (duckdb.Error, OSError) as error:
            raise not_opened(path, error) from error

    def load(self, events: Sequence[HookEvent], notes: Notes) -> None:
        """Adds events, moves the store's cursor and writes the notes, in one transaction.

        Raises:
            StoreError: nothing of it was written.
        """
        with self.writing, as_store_error("load"), self._transaction():
            cursors = dict(notes.cursors)
            if events:
                self._append_events(self._without_sealed(events))
                cursors[STORE] = (events[-1].seq, None)
            if cursors:
                self._set_cursors(cursors)
            if notes.dead_letters:
                letters.write(self._connection, notes.dead_letters)
            if notes.spans:
                self._replace_spans({(span.trace_id, span.span_id): span for span in notes.spans})
            if notes.counters:
                self._set_counters(notes.counters)

    def takes(self, event: HookEvent) -> bool:
        """Whether DuckDB takes this event's row; nothing is kept of the trial."""
        with self.writing:
            self._connection.begin()
            try:
                self._append_events([event])
            except (duckdb.DataError, UnstorableError):
                return False
            finally:
                self._connection.rollback()
        return True

    def is_json(self, text: str) -> bool:
        """Whether DuckDB takes a text for JSON: not, say, one with half of a surrogate pair."""
        return self.fetch("SELECT json_valid(?::VARCHAR)", [text]) == [(True,)]

    def counters(self) -> dict[tuple[str, tuple[str, ...]], Point]:
        """The numbers of every series, by metric and labels."""
        return dict(map(counter_of, self.fetch("SELECT metric, labels, value, buckets FROM counters")))

    def recent_sessions(self, limit: int) -> list[tuple[str, str]]:
        """The sessions of the last `RECENT_EVENTS` events, the newest first, at most `limit`, as (agent, session)."""
        recent = "FROM events_stored WHERE seq > ? AND hook_event_name NOT IN (SELECT unnest(?))"
        query = f"SELECT agent, session_id {recent} GROUP BY ALL ORDER BY max(seq) DESC LIMIT ?"
        values = [self.cursors().get(STORE, (0, None))[0] - RECENT_EVENTS, list(BEGINS_NO_SESSION), limit]
        return [(agent, session) for agent, session in self.fetch(query, values)]

    def forget_dead_letters(self, sink: str, keys: Sequence[letters.Key]) -> None:
        """Removes dead letters of a sink.

        Raises:
            StoreError: they stay.
        """
        if not keys:
            return
        with self.writing, as_store_error("forget"), self._transaction():
            letters.forget(self._connection, sink, keys)

    def cursors(self) -> dict[str, tuple[int, str | None]]:
        """Consumer → (sequence number it has passed, its state)."""
        return {name: (seq, state) for name, seq, state in self.fetch("SELECT consumer, seq, state FROM cursors")}

    def dead_letter_counts(self) -> dict[str, int]:
        """How many dead letters each sink has left."""
        return dict(self.fetch("SELECT sink, count(*) FROM dead_letters GROUP BY sink"))

    def sessions_of_traces(self, since: Mapping[str, int], up_to: int) -> Iterator[list[HookEvent]]:
        """The events of the sessions of these traces; as `reading.sessions_of_traces`."""
        return reading.sessions_of_traces(self.fetch, since, up_to)

    def events_between(self, after: int, before: int, *, limit: int, max_bytes: int) -> list[HookEvent]:
        """Events with numbers between the two, both left out, oldest first: at most `limit`, about `max_bytes`."""
        return self.events_where("seq > ? AND seq < ?", [after, before], limit=limit, max_bytes=max_bytes)

    def events_where(self, condition: str, values: Sequence[Any], *, limit: int, max_bytes: int) -> list[HookEvent]:
        """Events that meet a condition of our own, oldest first: at most `limit`, about `max_bytes`, at least one."""
        return reading.events_where(self.fetch, condition, values, limit=limit, max_bytes=max_bytes)

    def recent_spans(self, limit: int) -> list[Span]:
        """The spans that were exported last, at most `limit`, oldest first, without their events and links."""
        columns = "trace_id, span_id, parent_span_id, service, name, started_at, ended_at, status, attributes"
        query = f"SELECT {columns} FROM spans ORDER BY ended_at DESC LIMIT {int(limit)}"
        return [span_of(row) for row in reversed(self.fetch(query))]

    def fetch(
        self,
        query: str,
        parameters: Sequence[Any] = (),
        watched: Callable[[duckdb.DuckDBPyConnection], AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> list[tuple[Any, ...]]:
        """All rows of a query of our own, on a cursor of its own.

        Args:
            query: one SELECT.
            parameters: its values.
            watched: entered with the connection as long as it reads; may interrupt it.

        Raises:
            StoreError: DuckDB refused it, or it was interrupted.
        """
        with self._reading() as cursor, watched(cursor):
            return cursor.execute(query, parameters).fetchall()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the same database for one reader."""
        return self._connection.cursor()

    def file_bytes(self) -> int:
        """Bytes that the DuckDB file and its log take."""
        return self.path.stat().st_size + self.log_bytes()

    def log_bytes(self) -> int:
        """Bytes that are written and not yet in their place in the file."""
        log = self.path.with_name(f"{self.path.name}.wal")
        return log.stat().st_size if log.exists() else 0

    def close(self) -> None:
        """Writes everything into the file and releases it. Safe to call twice."""
        with self.writing:
            self._connection.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with as_store_error("read"), self.room.enough(), contextlib.closing(self.cursor()) as cursor:
            try:
                yield cursor
            except duckdb.Error as error:
                self.doubt(error)
                raise

    def doubt(self, error: BaseException) -> None:
        """Lets the sealed files be looked at, if the error may come from one: DuckDB does not always name it."""
        if sealed.SUFFIX in str(error) or type(error) is duckdb.Error:
            self.doubted.set()

    def _append_events(self, events: Sequence[HookEvent]) -> None:
        """Appends rows, and the parts of large payloads, which DuckDB takes for text whatever they are.

        Raises:
            UnstorableError: a large payload is not what DuckDB takes for JSON.
        """
        for event in filter(is_large, events):
            payload = bytes(event.payload).decode()
            if self._connection.execute("SELECT json_valid(?::VARCHAR)", [payload]).fetchall() != [(True,)]:
                raise UnstorableError("cannot load: the payload is no JSON")
        if events:
            append(self._connection, "events_hot", [row_of(event) for event in events])
        if parts := [part for event in events for part in parts_of(event)]:
            append(self._connection, "payload_parts_hot", parts)

    def _without_sealed(self, events: Sequence[HookEvent]) -> Sequence[HookEvent]:
        """What a store that was begun anew is given once more by the journal, and sealed days have, is left out."""
        if events[0].seq > self.sealed_through:
            return events
        query = "SELECT seq FROM events_stored WHERE seq BETWEEN ? AND ?"
        known = {seq for (seq,) in self._connection.execute(query, [events[0].seq, events[-1].seq]).fetchall()}
        return [event for event in events if event.seq not in known]

    def _replace_spans(self, spans: dict[tuple[str, str], Span]) -> None:
        """A span that is exported again, after a crash or a late event, takes the place of its row."""
        ids = [list(column) for column in zip(*spans, strict=True)]
        ends = [span.end_ns // 1000 for span in spans.values()]
        around = (moment(min(ends) - SPAN_DRIFT_US), moment(max(ends) + SPAN_DRIFT_US))
        self._connection.execute(_FORGET_SPANS, [*around, *ids])
        append(self._connection, "spans", [span_row(span) for span in spans.values()])

    def _set_cursors(self, cursors: Mapping[str, tuple[int, str | None]]) -> None:
        seqs, states = zip(*cursors.values(), strict=True)
        places = "unnest(?), unnest(?), unnest(?::VARCHAR[])"  # one statement: each costs more than its rows
        columns = [list(cursors), list(seqs), list(states)]
        self._connection.execute(f"INSERT OR REPLACE INTO cursors SELECT {places}", columns)

    def _set_counters(self, counters: Mapping[tuple[str, tuple[str, ...]], Point]) -> None:
        rows = [counter_row(metric, point) for (metric, _), point in counters.items()]
        columns = [list(column) for column in zip(*rows, strict=True)]
        places = "unnest(?), unnest(?), unnest(?), unnest(?)"
        self._connection.execute(f"INSERT OR REPLACE INTO counters SELECT {places}", columns)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """One on the store's own connection, into the file that lies where it did when it was opened."""
        with transaction(self._connection):
            yield
            self._place.check()


def _sql(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


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
        "checkpoint_threshold": "8MB",  # what is not checkpointed yet is in memory, in about as many bytes
        "allocator_background_threads": True,  # gives back what is free without being asked
    }
