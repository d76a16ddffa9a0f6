"""Puts a new journal in the place of a damaged one, with what can be read of it, whenever a crash comes.

The new one is written beside the damaged one, which stays where it is, and has a name of its own once it is whole and
on disk. Only then do the two change places, which the next opening ends if a crash comes in between. Nobody reads a
journal that is half saved: a consumer would pass over what is still to come.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import apsw

from sidecar.errors import JournalError
from sidecar.journal import maintenance, salvage
from sidecar.journal.schema import open_for_writing, transaction

SALVAGE_ROWS = 1000
"""Rows saved in one transaction."""
CHECKPOINT_PAGES = 4000
"""Of the new journal's log while rows are saved: a gigabyte must not stand in it twice."""
UNFINISHED, WHOLE = ".mending", ".mended"
DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)

_FROM_OUTSIDE = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError, OSError)
"""What is said when the new file cannot be written, whatever is in the old one."""
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


def begun_anew(path: Path, number: int) -> Recovery:
    """Leaves a new journal at `path`, with what can be read of the damaged one there.

    Args:
        path: of the journal.
        number: those given from now on are above it.

    Raises:
        JournalError: it cannot be written now; the damaged one is where it was, or the next opening ends this.
    """
    draft = _beside(path, UNFINISHED)
    try:
        _remove(draft)
        saved, lost = _write(draft, path, number)
        draft.replace(_beside(path, WHOLE))
        _sync_folder(path)
        return Recovery(_put_in_place(path), saved, lost)
    except (*_FROM_OUTSIDE, JournalError) as error:
        with contextlib.suppress(OSError):
            _remove(draft)  # its room is wanted
        raise JournalError(
            f"cannot begin the damaged journal {path} anew: {type(error).__name__}", hint="check the free space"
        ) from error


def ended(path: Path) -> Recovery | None:
    """Ends what a crash interrupted: a new journal that is whole gets its place, one that is not is written again.

    Raises:
        JournalError: it cannot be done now.
    """
    try:
        _remove(_beside(path, UNFINISHED))
        if not _beside(path, WHOLE).exists():
            return None
        aside = _put_in_place(path)
        with contextlib.closing(open_for_writing(path)) as connection:
            saved = int(connection.execute("SELECT count(*) FROM journal").get)
        return Recovery(aside, saved, None)
    except (*_FROM_OUTSIDE, apsw.Error) as error:
        raise JournalError(
            f"cannot put {_beside(path, WHOLE)} in its place: {type(error).__name__}",
            hint="check the free space and the rights of the data directory",
        ) from error


def save_rows(
    old: apsw.Connection, connection: apsw.Connection, highest: int, lowest: int = 0
) -> tuple[int, int | None]:
    """How many rows with numbers between the two could be read and were saved, and the lowest number of one."""
    saved, least = 0, None
    found = salvage.rows(old, highest, lowest)
    while batch := list(islice(found, SALVAGE_ROWS)):
        with transaction(connection):
            connection.executemany(_SAVE, batch)
        saved += len(batch)
        least = min(least or maintenance.MAX_SEQ, *(row.seq for row in batch))
    return saved, least


def save_given_ids(damaged: apsw.Connection, connection: apsw.Connection) -> None:
    """What cannot be read of them costs no event: a repeat within the day may then be taken twice."""
    with contextlib.suppress(*DAMAGE, apsw.SQLError), transaction(connection):
        known = damaged.execute("SELECT event_id, seq, given_at FROM given_ids")
        connection.executemany("INSERT OR IGNORE INTO given_ids VALUES (?, ?, ?)", known)


def _write(draft: Path, path: Path, number: int) -> tuple[int, int | None]:
    """A journal in one file, complete and synced; how many events were saved, and how many at most were not."""
    with contextlib.closing(open_for_writing(draft)) as connection, _opened(path) as damaged:
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        highest = _highest(damaged)
        saved, least = save_rows(damaged, connection, highest or maintenance.MAX_SEQ)
        save_given_ids(damaged, connection)
        maintenance.number_above(connection, max(number, highest or 0))
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return saved, None if highest is None or least is None else highest - least + 1 - saved


def _put_in_place(path: Path) -> Path:
    """Moves what lies at `path` aside, and the whole new journal there; where the old one is now."""
    aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
    for suffix in ("", "-wal"):
        file = _beside(path, suffix)
        if file.exists():
            file.replace(_beside(aside, suffix))
    _beside(path, "-shm").unlink(missing_ok=True)  # the index of the log is of no use
    _beside(path, WHOLE).replace(path)
    _sync_folder(path)
    if aside.exists():
        _save_what_came_since(path, aside)
    return aside


def _save_what_came_since(path: Path, aside: Path) -> None:
    """A forwarder may have appended to the damaged journal while the others were saved."""
    with contextlib.closing(open_for_writing(path)) as connection, _opened(aside) as damaged:
        newest = int(connection.execute("SELECT coalesce(max(seq), 0) FROM journal").get)
        highest = _highest(damaged) or 0
        if newest < highest:
            save_rows(damaged, connection, highest, newest + 1)
            save_given_ids(damaged, connection)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[apsw.Connection]:
    """A damaged journal for reading; it and its log stay as they are."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        yield connection
    finally:
        with contextlib.suppress(apsw.Error):
            connection.close()


def _highest(damaged: apsw.Connection) -> int | None:
    with contextlib.suppress(apsw.Error):
        return maintenance.highest_seq(damaged)
    return None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _remove(draft: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _beside(draft, suffix).unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
