"""Keeping the journal's files small without an acknowledgement waiting for it."""

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from sidecar.errors import JournalError
from sidecar.journal.schema import open_for_writing, transaction

TRIM_ROWS = 25
TRIM_BYTES = 128 * 1024
"""An acknowledgement may wait for one slice: this many take a fraction of a millisecond."""
VACUUM_PAGES = 64
"""Twice the pages of `TRIM_BYTES`, so that giving space back keeps up with trimming."""
CHECKPOINT_PAGES = 1000
WAL_LIMIT_PAGES = 16_384
"""64 MB of log: beyond it the committing thread takes the last frames over itself, so that the log restarts."""

MAX_SEQ = 2**62
"""Above every number that will ever be given."""

_SIZES = ("page_count", "freelist_count", "page_size")
_OLDEST = "SELECT seq, length(body) FROM journal WHERE seq <= ? ORDER BY seq LIMIT ?"
_FORGET = "DELETE FROM given_ids WHERE event_id IN (SELECT event_id FROM given_ids WHERE given_at < ? LIMIT ?)"


def used_bytes(connection: apsw.Connection) -> int:
    """Bytes of the journal that hold something; pages that trimming freed and that are used again do not count."""
    pages, free, size = (connection.execute(f"PRAGMA {name}").get for name in _SIZES)
    return int((pages - free) * size)


def highest_seq(connection: apsw.Connection) -> int:
    """The highest sequence number ever given, trimmed rows included; 0 for a new journal."""
    seq: int = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'journal'").get
    return seq


def number_above(connection: apsw.Connection, seq: int) -> None:
    """The next number given is above `seq`, and above every one that was given."""
    with transaction(connection):
        if seq > highest_seq(connection):
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'journal'")
            connection.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('journal', ?)", (seq,))


def trim(connection: apsw.Connection, passed: int, forget_before: int) -> bool:
    """Deletes one slice of the oldest rows up to sequence `passed`; True when none is left.

    A slice is at most `TRIM_ROWS` rows and about `TRIM_BYTES`.

    The commit is not synced: a delete that a power cut undoes is only done again, and the next append syncs the
    same log file anyway.

    Args:
        connection: the journal's writing connection, outside a transaction.
        passed: highest sequence number that every consumer has passed.
        forget_before: seconds since the epoch; ids that clients gave before are forgotten.
    """
    rows: list[Any] = connection.execute(_OLDEST, (passed, TRIM_ROWS)).fetchall()
    last, complete = _slice_end(rows)
    connection.execute("PRAGMA synchronous=NORMAL")
    try:
        with transaction(connection):
            connection.execute("DELETE FROM journal WHERE seq <= ?", (last,))
            connection.execute(_FORGET, (forget_before, TRIM_ROWS))
        if rows:
            connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()  # a page a step
    finally:
        connection.execute("PRAGMA synchronous=FULL")
    return complete and len(rows) < TRIM_ROWS


def _slice_end(rows: Sequence[tuple[int, int]]) -> tuple[int, bool]:
    """The last sequence number of a slice within `TRIM_BYTES`, and whether it holds all of `(seq, size)`."""
    size = 0
    for seq, length in rows:
        size += length
        if size >= TRIM_BYTES:
            return seq, seq == rows[-1][0]
    return (rows[-1][0], True) if rows else (0, True)


class Checkpointer:
    """Moves committed pages from the log into the journal file, on a thread and a connection of its own.

    Args:
        path: the journal file.
        writer: the connection whose commits let the log grow.
    """

    def __init__(self, path: Path, writer: apsw.Connection) -> None:
        self._path = path
        self._pages = 0
        writer.set_wal_hook(self._grown)
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def after_commit(self, connection: apsw.Connection) -> None:
        """Called by the committing thread: starts a checkpoint in the background when the log has grown.

        One that fails, on a full disk say, loses nothing and raises nothing: what is committed stays in the log.
        """
        if self._pages > WAL_LIMIT_PAGES:
            with contextlib.suppress(apsw.Error):
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        elif self._pages > CHECKPOINT_PAGES:
            self._wake.set()

    def _grown(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Ends the thread. Safe to call twice."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        while self._wake.wait() and not self._closing:
            self._wake.clear()
            # A checkpoint that fails loses nothing: the log keeps the pages and the next commit asks again.
            with contextlib.suppress(apsw.Error, JournalError):
                connection = connection or open_for_writing(self._path)
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if connection is not None:
            connection.close()
