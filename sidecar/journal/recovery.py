"""Opens the journal whatever state its file is in: a damaged one is moved aside, what can be read is saved."""

import contextlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from sidecar.errors import JournalError, NotDurableError
from sidecar.journal import maintenance, mending
from sidecar.journal.mark import BLOCK, HighWaterMark, mark_of
from sidecar.journal.mending import DAMAGE, Recovery
from sidecar.journal.schema import open_for_writing
from sidecar.log import LOGGER

CHECK_SECONDS = 0.2
"""How long the check at start may take; a journal is small unless a sink was away for long."""
CHECK_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class OpenJournal:
    """A journal ready to be appended to."""

    connection: apsw.Connection
    mark: HighWaterMark
    recovery: Recovery | None


def open_journal(path: Path) -> OpenJournal:
    """The journal at `path`, sound, with numbers above every one given before.

    Raises:
        JournalError: it cannot be opened for a reason that lies outside the file, such as rights or space.
    """
    try:
        mark = mark_of(path)
    except OSError as error:
        raise JournalError(f"cannot read {path.with_suffix('.mark')}: {error.strerror}") from error
    recovery = mending.ended(path)
    connection = _sound(path)
    if connection is None:
        recovery = mending.begun_anew(path, mark.value)
        connection = open_for_writing(path)
    if recovery:
        LOGGER.error("%s", recovery)
    if maintenance.highest_seq(connection) < mark.value - BLOCK:  # an older one was put in its place
        maintenance.number_above(connection, mark.value)
    return OpenJournal(connection, mark, recovery)


def reopened(path: Path, connection: apsw.Connection, inode: int, last_seq: int) -> OpenJournal:
    """The journal opened anew in place of one that is damaged, closed, or whose file is no longer at `path`.

    Args:
        path: where it belongs.
        connection: to the old one; closed when this returns.
        inode: of the file that it is of.
        last_seq: its highest number.

    Raises:
        NotDurableError: there is no folder to have it in.
        JournalError, OSError, apsw.Error: it cannot be had now.
    """
    if not path.parent.is_dir():  # looked at first: one that comes back meanwhile has its log beside it
        raise taken_away(path)
    if inode_of(path) == inode:
        connection.close(force=True)
        return open_journal(path)
    if not path.exists():
        for left in ("-wal", "-shm"):
            path.with_name(path.name + left).unlink(missing_ok=True)
    opened = open_journal(path)
    try:
        saved = 0
        with contextlib.suppress(apsw.ConnectionClosedError):
            saved, _ = mending.save_rows(connection, opened.connection, last_seq)
            mending.save_given_ids(connection, opened.connection)
        maintenance.number_above(opened.connection, last_seq)
    except BaseException:
        opened.connection.close(force=True)
        raise
    connection.close(force=True)
    recovery = Recovery(None, saved, 0)
    LOGGER.error("%s", recovery)
    return replace(opened, recovery=recovery)


def taken_away(path: Path) -> NotDurableError:
    """The error of a journal whose file is no longer at `path`, with what will help."""
    if path.parent.is_dir():
        return NotDurableError("the journal's file was taken away", hint="it is made anew; try again in a moment")
    return NotDurableError(
        f"the data directory {path.parent} was taken away", hint="put it back, or restart the sidecar"
    )


def inode_of(path: Path) -> int:
    """Tells one file at a path from another; 0 when there is none."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116  at every commit, and twice as fast
    except OSError:
        return 0


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that the file itself is damaged."""
    return isinstance(error, DAMAGE)


def _sound(path: Path) -> apsw.Connection | None:
    """The journal, None when it is damaged, as far as a short look can tell."""
    try:
        connection = open_for_writing(path)
    except JournalError as error:
        if is_damage(error.__cause__):
            return None
        raise
    if _passes_check(connection):
        return connection
    connection.close()
    return None


def _passes_check(connection: apsw.Connection) -> bool:
    """SQLite's own check, given up after `CHECK_SECONDS`: start-up must not wait for a large journal."""
    deadline = time.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, CHECK_STEPS)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").get == "ok")
    except apsw.InterruptError:
        return True
    except DAMAGE:
        return False
    finally:
        connection.set_progress_handler(None)
