"""Reading after a cursor, beside the writer, in bounded batches."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from sidecar import events
from sidecar.errors import JournalError
from sidecar.events import HookEvent
from sidecar.journal import maintenance
from sidecar.journal.schema import open_for_reading

MAX_BYTES = 8 * 1024 * 1024
"""Of one batch. A consumer each holds one, decoded and encoded again."""

_AFTER = "SELECT seq, event_id, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"


class JournalReader:
    """Reads the journal from one thread at a time; never blocks the writer.

    Args:
        path: the journal file, which must exist.

    Raises:
        JournalError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = _inode(path)
        self._connection = open_for_reading(path)

    def after(self, seq: int, *, limit: int, max_bytes: int = MAX_BYTES) -> list[HookEvent]:
        """Events after sequence `seq`, oldest first: at most `limit`, and about `max_bytes` (but at least one).

        A row whose body is damaged is given as an event without content, so that it is seen and blocks nobody.

        Raises:
            JournalError: the file cannot be read now.
        """
        found: list[HookEvent] = []
        size = 0
        self._follow()
        with _as_journal_error():
            for row_seq, event_id, body in self._connection.execute(_AFTER, (seq, limit)):
                found.append(_event(row_seq, event_id, body))
                size += len(body)
                if size >= max_bytes:
                    break
        return found

    def last_seq(self) -> int:
        """The highest sequence number given so far; 0 when there is none.

        Raises:
            JournalError: the file cannot be read now.
        """
        self._follow()
        with _as_journal_error():
            return maintenance.highest_seq(self._connection)

    def _follow(self) -> None:
        """Opens the file anew when another stands under its name: a damaged journal was moved aside."""
        inode = _inode(self._path)
        if inode != self._inode:
            following = open_for_reading(self._path)  # first: the old one may come back
            self._connection.close()
            self._connection, self._inode = following, inode

    def close(self) -> None:
        """Releases the file. Safe to call twice."""
        self._connection.close()


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError as error:
        raise JournalError(f"cannot read the journal {path}: {error.strerror}") from error


def _event(seq: int, event_id: str, body: bytes) -> HookEvent:
    try:
        return events.decode(seq, body)
    except msgspec.MsgspecError:
        return events.unreadable(seq, event_id, len(body))


@contextlib.contextmanager
def _as_journal_error() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise JournalError(
            f"the journal cannot be read: {type(error).__name__}", hint="a broken one is mended at the next start"
        ) from error
