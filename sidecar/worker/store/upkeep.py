"""Upkeep of the store: seals days that are over, keeps it within its bounds, leaves damaged files out."""

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import duckdb
import msgspec

from sidecar.errors import StoreError
from sidecar.log import LOGGER
from sidecar.worker.store import letters, sealed
from sidecar.worker.store.believed import BelievedClock
from sidecar.worker.store.retention import Bounds, Need, leaving
from sidecar.worker.store.sealed import SealedFile
from sidecar.worker.store.sealing import oldest_slice, seal
from sidecar.worker.store.store import Store
from sidecar.worker.store.transaction import transaction
from sidecar.worker.store.trouble import as_store_error

REST_SECONDS = 15.0
LOOK_SECONDS = 2.0
"""How soon a file that could not be read is looked at."""
SETTLE = dt.timedelta(hours=1)
"""A day is sealed so long after its end: what comes late is still of its file."""
HOT_SHARE = 4
"""The hot part may use one part in so many of the store's bytes; beyond it days are sealed before they are over."""
SHORT_TABLE = 1000
"""Rows below which spans, then dead letters, are not worth halving to make room."""


class Account(msgspec.Struct, frozen=True):
    """What is sealed, and what left the store before its time, since the first day."""

    files: int = 0
    events: int = 0
    bytes: int = 0
    forgotten: list[dict[str, Any]] = []
    """`reason`, `sink` ("" is the store itself), `events`, `bytes` and `since`, seconds since the epoch."""
    note: str | None = None
    """What a person should look at."""


class Upkeep:
    """A thread with a connection of its own; the loader waits for none of it but a checkpoint.

    Args:
        store: what is kept in order.
        bounds: how much it may hold.
        grace_seconds: how long a query may run: so long a file stays after it left the views.
        need: what sinks still wait for.
        clock: the time, in seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        bounds: Bounds,
        grace_seconds: float,
        need: Callable[[], Need],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._bounds = bounds
        self._grace = grace_seconds
        self._need = need
        self._clock = clock
        self._believed = BelievedClock(clock)
        self._connection = store.cursor()
        self._retired = False
        self._retired_at = 0.0
        self._error: str | None = None
        self._stop = threading.Event()
        self.account = Account()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; a file that is being written is written again next time."""
        self._stop.set()
        with contextlib.suppress(duckdb.Error):
            self._connection.interrupt()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    def step(self) -> None:
        """All that is due now.

        Raises:
            StoreError: some of it could not be done; it is tried again.
        """
        self._seal_ended_days()
        self._relieve_hot()
        self._store.room.as_needed("retain", self._retain)
        self._store.room.as_needed("forget", self._forget_old_rows)
        with as_store_error("look at"):
            self.account = self._look()

    def verify(self) -> None:
        """Reads every sealed file and leaves out what is damaged.

        Raises:
            StoreError, OSError: the store, or a file, cannot be read for a reason that lies in none of them: it is
                tried again.
        """
        self._store.doubted.clear()
        with as_store_error("verify"), self._store.room.enough():
            folder = self._store.folder
            sealed.leave_out_broken(
                self._connection, folder, lambda file: sealed.trouble_within(self._connection, folder, file)
            )
            self.account = self._look()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(LOOK_SECONDS):
            if self._store.doubted.is_set() and not self._attempt(self.verify):
                self._store.doubted.set()
            if time.monotonic() >= due:
                self._attempt(self.step)
                due = time.monotonic() + REST_SECONDS
            elif self._retired:
                self._attempt(self._give_back)

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Whether it was done; what failed is told, and due again."""
        try:
            work()
        except (StoreError, OSError) as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, a thread that ends would be missed by nobody
            self._failed(f"upkeep of the store: {type(error).__name__}")
        else:
            self._error = None
            return True
        return False

    def _failed(self, reason: str) -> None:
        if self._stop.is_set():
            return
        if reason != self._error:
            LOGGER.warning("sealing and retention are tried again: %s", reason)
        self._error = reason
        self.account = msgspec.structs.replace(self.account, note=reason)

    @property
    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock(), tz=dt.UTC)

    def _oldest(self) -> dt.datetime:
        """What was received before is too old; nothing while the clock is not to be believed."""
        is_likely = self._believed.is_likely(self._newest)
        return self._now - self._bounds.max_age if is_likely else dt.datetime.min.replace(tzinfo=dt.UTC)

    def _newest(self) -> float | None:
        both = "SELECT max(received_at) AS newest FROM events_hot UNION ALL SELECT max(last_at) FROM sealed_files"
        ((newest,),) = self._connection.execute(f"SELECT epoch(max(newest)) FROM ({both})").fetchall()
        return None if newest is None else float(newest)

    def _seal_ended_days(self) -> None:
        today = (self._now - SETTLE).replace(hour=0, minute=0, second=0, microsecond=0)
        while not self._stop.is_set() and self._store.room.as_needed("seal", partial(self._seal_next, today)):
            pass

    def _seal_next(self, before: dt.datetime) -> bool:
        part = oldest_slice(self._connection, before)
        if part is None:
            return False
        file = seal(self._connection, self._store.folder, part)
        self._store.sealed_through = max(self._store.sealed_through, file.last_seq)
        return True

    def _relieve_hot(self) -> None:
        """Seals days that are not over, then lets old spans and dead letters go, while the hot part is too large."""
        room = self._store.room
        while not self._stop.is_set() and room.as_needed("seal", self._relieve_once):
            with self._store.writing:
                room.as_needed("checkpoint", partial(self._connection.execute, "CHECKPOINT"))

    def _relieve_once(self) -> bool:
        """False when nothing is left to do, or to let go."""
        if self._used_bytes() <= self._bounds.max_bytes // HOT_SHARE:
            return False
        return self._seal_next(dt.datetime.max.replace(tzinfo=dt.UTC)) or self._halve_tables()

    def _used_bytes(self) -> int:
        query = "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = current_database()"
        return int(self._connection.execute(query).fetchall()[0][0]) + self._store.log_bytes()

    def _halve_tables(self) -> bool:
        for table, time_ in (("spans", "ended_at"), ("dead_letters", "died_at")):
            if self._rows_of(table) > SHORT_TABLE:
                ((middle,),) = self._connection.execute(f"SELECT median({time_}) FROM {table}").fetchall()
                self._forget_rows(table, time_, middle, "bytes")
                return True
        return False

    def _rows_of(self, table: str) -> int:
        """With the parts of large letters: a few letters may be most of the hot part."""
        tables = letters.TABLES if table == "dead_letters" else (table,)
        counts = " + ".join(f"(SELECT count(*) FROM {one})" for one in tables)
        return int(self._connection.execute(f"SELECT {counts}").fetchall()[0][0])

    def _forget_old_rows(self) -> None:
        oldest = self._oldest()
        for table, time_ in (("spans", "ended_at"), ("dead_letters", "died_at")):
            self._forget_rows(table, time_, oldest, "age")

    def _forget_rows(self, table: str, time_: str, up_to: dt.datetime, reason: str) -> None:
        """Spans are copies of what was sent; a dead letter was the last of it for its sink, and is counted."""
        chosen = f"FROM {table} WHERE {time_} <= ?"
        if not self._connection.execute(f"SELECT 1 {chosen} LIMIT 1", [up_to]).fetchall():
            return
        with self._store.writing, transaction(self._connection):
            if table == "dead_letters":
                for sink, gone in letters.forget_until(self._connection, up_to).items():
                    sealed.count_forgotten(self._connection, f"dead_letter_{reason}", gone, 0, sink)
            else:
                self._connection.execute(f"DELETE {chosen}", [up_to])

    def _give_back(self) -> None:
        """Removes files that left the views, once no query that began before can still run."""
        if self._clock() - self._retired_at >= self._grace or self._clock() < self._retired_at:
            with as_store_error("give back"):
                sealed.remove_retired(self._connection, self._store.folder)
            self._retired = False

    def _retain(self) -> None:
        self._give_back()
        files = sealed.listed(self._connection)
        hot = min(self._store.file_bytes(), self._bounds.max_bytes // 2)  # a large file must not cost all days
        need = self._need()
        for file, reason in list(leaving(files, hot, self._bounds.max_bytes, need, self._oldest())):
            self._retire(file, reason, need)

    def _retire(self, file: SealedFile, reason: str, need: Need) -> None:
        missed = {sink: self._missed_by(file, need.positions[sink]) for sink in need.lacking(file)}
        with transaction(self._connection):
            sealed.retire(self._connection, self._store.folder, [file.name])
            sealed.count_forgotten(self._connection, reason, file.events, file.bytes)
            for sink, (events, size) in missed.items():
                sealed.count_forgotten(self._connection, reason, events, size, sink)
        self._retired, self._retired_at = True, self._clock()

    def _missed_by(self, file: SealedFile, position: int) -> tuple[int, int]:
        """Events of the file that a sink at this position has not got, and their size as agents sent them."""
        query = f"SELECT count(*), coalesce(sum(size_bytes), 0) FROM {sealed.source(self._store.folder, file)}"
        ((events, size),) = self._connection.execute(f"{query} WHERE seq > ?", [position]).fetchall()
        return int(events), int(size)

    def _look(self) -> Account:
        files = sealed.listed(self._connection)
        rows = self._connection.execute("SELECT reason, sink, events, bytes, epoch(since) FROM forgotten").fetchall()
        return Account(
            files=len(files),
            events=sum(file.events for file in files),
            bytes=sum(file.bytes for file in files),
            forgotten=[dict(zip(("reason", "sink", "events", "bytes", "since"), row, strict=True)) for row in rows],
            note=sealed.broken_note(self._store.folder),
        )
