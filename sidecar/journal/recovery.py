"""Opens the journal whatever state its file is in: a damaged one is moved aside, what can be read is saved."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import apsw

from sidecar.errors import JournalError, NotDurableError
from sidecar.journal import maintenance, salvage
from sidecar.journal.mark import BLOCK, HighWaterMark, mark_of
from sidecar.journal.schema import open_for_writing, transaction
from sidecar.log import LOGGER

CHECK_SECONDS = 0.2
"""How long the check at start may take; a journal is small unless a sink was away for long."""
CHECK_STEPS = 10_000
SALVAGE_ROWS = 1000
"""Rows saved in one transaction."""

_FROM_OUTSIDE = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError)
"""What SQLite says when the new file cannot be written, whatever is in the old one."""
DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_SAVE = "INSERT OR IGNORE INTO journal(seq, event_id, body) VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of a damaged journal.

    Args:
        aside: where the damaged file is now; None of one that was taken away while it was in use.
        saved: events taken over from it.
        lost: numbers given and not yet forgotten whose events could not be read, at most; None when nothing
            tells how many there were.
    """

    aside: Path | None
    saved: int
    lost: int | None

    def __str__(self) -> str:
        if self.aside is None:
            return f"the journal's file was taken away and made anew: {self.saved} events saved from what was open"
        lost = "an unknown number" if self.lost is None else f"at most {self.lost}"
        return f"the journal was damaged: {self.saved} events saved, {lost} lost; the old file is {self.aside}"


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
    connection = _sound(path)
    recovery = None
    if connection is None:
        connection, recovery = _begun_anew(path)
        LOGGER.error("%s", recovery)
    if recovery or maintenance.highest_seq(connection) < mark.value - BLOCK:  # an older one was put in its place
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
        JournalError, OSError, apsw.Error: it cannot be had now.
    """
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
            saved, _ = _save_rows(connection, opened.connection, last_seq)
            _save_given_ids(connection, opened.connection)
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


def _begun_anew(path: Path) -> tuple[apsw.Connection, Recovery]:
    """A new journal with what can be read of the damaged one, which is put back when that cannot be written now.

    Else the next opening would find a sound journal that lacks it, and would give its numbers again.
    """
    aside = _move_aside(path)
    connection = None
    try:
        connection = open_for_writing(path)
        return connection, _save_what_can_be_read(connection, aside)
    except (*_FROM_OUTSIDE, JournalError) as error:
        if connection is not None:
            connection.close(force=True)
        _put_back(aside, path)
        raise JournalError(
            f"cannot begin the damaged journal {path} anew: {type(error).__name__}", hint="check the free space"
        ) from error


def _move_aside(path: Path) -> Path:
    """Keeps the file and its log under names that SQLite opens together; the index of the log is of no use."""
    aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
    try:
        for file, target in _files(path, aside):
            if file.exists():
                file.replace(target)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
    except OSError as error:
        raise JournalError(f"cannot move the damaged journal {path} aside: {error.strerror}") from error
    return aside


def _put_back(aside: Path, path: Path) -> None:
    with contextlib.suppress(OSError):
        for target, file in _files(path, aside):
            target.unlink(missing_ok=True)
            if file.exists():
                file.replace(target)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)


def _files(path: Path, aside: Path) -> Iterator[tuple[Path, Path]]:
    """Database and log, under the one name and the other."""
    return ((path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)) for suffix in ("", "-wal"))


def _save_what_can_be_read(connection: apsw.Connection, aside: Path) -> Recovery:
    with _opened(aside) as damaged:
        highest = _highest(damaged)
        saved, lowest = _save_rows(damaged, connection, highest or maintenance.MAX_SEQ)
        _save_given_ids(damaged, connection)
    if highest:
        maintenance.number_above(connection, highest)
    lost = None if highest is None or lowest is None else highest - lowest + 1 - saved
    return Recovery(aside, saved, lost)


def _save_rows(old: apsw.Connection, connection: apsw.Connection, highest: int) -> tuple[int, int | None]:
    """How many rows could be read and were saved, and the lowest number of one."""
    saved, lowest = 0, None
    found = salvage.rows(old, highest)
    while batch := list(islice(found, SALVAGE_ROWS)):
        with transaction(connection):
            connection.executemany(_SAVE, batch)
        saved += len(batch)
        lowest = min(lowest or maintenance.MAX_SEQ, *(row.seq for row in batch))
    return saved, lowest


@contextlib.contextmanager
def _opened(aside: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(aside))
    try:
        yield connection
    finally:
        with contextlib.suppress(apsw.Error):
            connection.close()


def _highest(damaged: apsw.Connection) -> int | None:
    with contextlib.suppress(apsw.Error):
        return maintenance.highest_seq(damaged)
    return None


def _save_given_ids(damaged: apsw.Connection, connection: apsw.Connection) -> None:
    """What cannot be read of them costs no event: a repeat within the day may then be taken twice."""
    with contextlib.suppress(*DAMAGE, apsw.SQLError), transaction(connection):
        known = damaged.execute("SELECT event_id, seq, given_at FROM given_ids")
        connection.executemany("INSERT OR IGNORE INTO given_ids VALUES (?, ?, ?)", known)
