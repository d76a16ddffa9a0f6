"""Where a sink reads: the journal, and the store for what the journal has already forgotten."""

from typing import Protocol

from sidecar.events import HookEvent

MAX_BYTES = 8 * 1024 * 1024
"""Of one batch; the store holds it several times over while it is read."""


class Journal(Protocol):
    """What is under way."""

    def after(self, seq: int, *, limit: int, max_bytes: int = MAX_BYTES) -> list[HookEvent]:
        """Events after `seq`, oldest first."""

    def last_seq(self) -> int:
        """The highest number given."""


class Store(Protocol):
    """The history."""

    def events_between(self, after: int, before: int, *, limit: int, max_bytes: int) -> list[HookEvent]:
        """Events with numbers between the two, both left out, oldest first."""


class HistoryReader:
    """Reads on after a cursor, however old it is.

    The journal keeps what a sink has not passed only up to its bound; then it keeps what the store has not.

    Args:
        journal: this sink's own reader.
        store: asked only when numbers are missing at the journal's beginning.
    """

    def __init__(self, journal: Journal, store: Store) -> None:
        self._journal = journal
        self._store = store

    def after(self, seq: int, *, limit: int) -> list[HookEvent]:
        """Events after sequence `seq`, oldest first: at most `limit`, and about `MAX_BYTES` (but at least one).

        Raises:
            JournalError, StoreError: they cannot be read now.
        """
        found = self._journal.after(seq, limit=limit, max_bytes=MAX_BYTES)
        following = found[0].seq if found else self._journal.last_seq() + 1
        if following <= seq + 1:
            return found
        forgotten = self._store.events_between(seq, following, limit=limit, max_bytes=MAX_BYTES)
        return forgotten or found

    def last_seq(self) -> int:
        """The highest number given; raises `JournalError` as `after` does."""
        return self._journal.last_seq()
