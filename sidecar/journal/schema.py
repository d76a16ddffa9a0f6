"""The journal's file: how it is opened and what is in it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import apsw

from sidecar import private
from sidecar.errors import JournalError

FILE_NAME = "journal.sqlite"

_TABLES = """
CREATE TABLE IF NOT EXISTS journal(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: a trimmed number is never given again
    event_id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS given_ids(       -- ids that clients gave, kept past trimming to know a repeat
    event_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    given_at INTEGER NOT NULL               -- seconds since the epoch
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS given_ids_by_age ON given_ids(given_at);
"""

BUSY_TIMEOUT_MS = 5000
CACHE_KIB = 1024
WAL_KEPT_BYTES = 16 * 1024 * 1024
PRAGMAS = (
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=1",
    "wal_autocheckpoint=0",
    f"cache_size=-{CACHE_KIB}",
    f"journal_size_limit={WAL_KEPT_BYTES}",
    "temp_store=MEMORY",
)


def open_for_writing(path: Path) -> apsw.Connection:
    """A connection whose commits are on disk when they return.

    WAL with `synchronous=FULL` syncs the log at every commit; `fullfsync` makes macOS mean it. Checkpoints are
    left to the checkpoint thread, so that no commit waits for one.

    Raises:
        JournalError: the file cannot be opened or is not a journal.
    """
    try:
        _create_private(path)
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(_TABLES)
    except (apsw.Error, OSError) as error:
        raise JournalError(
            f"cannot open the journal {path}: {error}", hint="check that the directory is writable and has space"
        ) from error
    return connection


def open_for_reading(path: Path) -> apsw.Connection:
    """A connection that never writes a row.

    Raises:
        JournalError: the file cannot be opened.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute("PRAGMA query_only=1")
        connection.execute("PRAGMA cache_size=-256")
    except apsw.Error as error:
        raise JournalError(f"cannot read the journal {path}: {error}") from error
    return connection


@contextlib.contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All or nothing, taking the write lock at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")  # one that fails can leave the transaction open
    except BaseException:
        with contextlib.suppress(apsw.Error):  # the first error is the one that tells
            connection.execute("ROLLBACK")
        raise


def _create_private(path: Path) -> None:
    """SQLite gives its -wal and -shm files the mode of the main file, so 0600 here covers all three."""
    os.close(private.opened(path, os.O_CREAT | os.O_RDWR))
