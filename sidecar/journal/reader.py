"""Reading after a cursor, beside the writer, in bounded batches."""

from pathlib import Path

from sidecar import events
from sidecar.events import HookEvent
from sidecar.journal import maintenance
from sidecar.journal.schema import open_for_reading

_AFTER = "SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"


class JournalReader:
    """Reads the journal from one thread at a time; never blocks the writer.

    Args:
        path: the journal file, which must exist.

    Raises:
        JournalError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_for_reading(path)

    def after(self, seq: int, *, limit: int, max_bytes: int = 32 * 1024 * 1024) -> list[HookEvent]:
        """Events after sequence `seq`, oldest first: at most `limit`, and about `max_bytes` (but at least one)."""
        found: list[HookEvent] = []
        size = 0
        for row_seq, body in self._connection.execute(_AFTER, (seq, limit)):
            found.append(events.decode(row_seq, body))
            size += len(body)
            if size >= max_bytes:
                break
        return found

    def last_seq(self) -> int:
        """The highest sequence number given so far; 0 when there is none."""
        return maintenance.highest_seq(self._connection)

    def close(self) -> None:
        """Releases the file. Safe to call twice."""
        self._connection.close()
