"""Appending: one thread commits everything that waits in one transaction, then acknowledges all of it.

At rest a single event commits at once; under load the groups grow by themselves (group commit).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import apsw

from sidecar.errors import NotDurableError
from sidecar.journal import maintenance
from sidecar.journal.schema import open_for_writing, transaction

MAX_WAITING_BYTES = 128 * 1024 * 1024
"""Bodies waiting for a commit; beyond it an append is refused instead of growing the process."""
MAX_GROUP = 2048
GIVEN_ID_SECONDS = 24 * 3600

_INSERT = "INSERT INTO journal(event_id, body) VALUES (?, ?)"
_KNOWN = "SELECT seq FROM given_ids WHERE event_id = ?1 UNION ALL SELECT seq FROM journal WHERE event_id = ?1"
_REMEMBER = "INSERT INTO given_ids(event_id, seq, given_at) VALUES (?, ?, ?)"


class Entry(NamedTuple):
    """One event to append. `given` says that the client chose the id, so that it may be a repeat."""

    event_id: str
    body: bytes
    given: bool = False


class Appended(NamedTuple):
    """Where an entry stands. `repeated`: an entry of this id was there before, nothing was added."""

    seq: int
    repeated: bool


Callback = Callable[[list[Appended] | NotDurableError], None]


@dataclass(slots=True)
class _Waiting:
    entries: Sequence[Entry]
    done: Callback
    size: int


class JournalWriter:
    """Owns the journal file for writing. One per data directory; `append` may be called from any thread.

    Args:
        path: the journal file; made when missing.

    Raises:
        JournalError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_for_writing(path)
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._trim_to = 0
        self.last_seq = maintenance.highest_seq(self._connection)
        self.last_error: str | None = None
        """Why the last commit failed; None once one works again."""
        self._checkpointer = maintenance.Checkpointer(path, self._connection)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, entries: Sequence[Entry], done: Callback) -> None:
        """Queues entries, all for one commit, in order; `done` is called from the journal's thread after it.

        Raises:
            NotDurableError: closed, or too much is waiting already.
        """
        size = sum(len(entry.body) for entry in entries)
        with self._wake:
            if self._closing:
                raise NotDurableError("the journal is closed", hint="the sidecar is stopping")
            if self._waiting_bytes + size > MAX_WAITING_BYTES:
                raise NotDurableError("too much is waiting to be written", hint="the disk is slow; try again")
            self._waiting.append(_Waiting(entries, done, size))
            self._waiting_bytes += size
            self._wake.notify()

    def trim(self, passed: int) -> None:
        """Lets rows up to and including sequence `passed` go, in small slices between groups."""
        with self._wake:
            if passed > self._trim_to:
                self._trim_to = passed
                self._wake.notify()

    def close(self) -> None:
        """Commits what waits, then releases the file. Safe to call twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._checkpointer.close()
        self._connection.close()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            if group:
                self._commit(group)
            else:
                self._trim_slice()

    def _next_group(self) -> list[_Waiting] | None:
        """What waits, at most `MAX_GROUP` requests; empty when there is time to trim; None when closed."""
        with self._wake:
            while not self._waiting:
                if self._closing:
                    return None
                if self._trim_to:
                    return []
                self._wake.wait()
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]
            self._waiting_bytes -= sum(waiting.size for waiting in group)
            return group

    def _commit(self, group: list[_Waiting]) -> None:
        now = int(time.time())
        try:
            with transaction(self._connection):
                results = [[insert(self._connection, entry, now) for entry in waiting.entries] for waiting in group]
        except apsw.Error as error:
            refusal = NotDurableError(
                f"the journal could not be written: {type(error).__name__}",
                hint="check the free space and the rights of the data directory",
            )
            self.last_error = str(refusal)
            for waiting in group:
                waiting.done(refusal)
            return
        self.last_error = None
        newest = max(one.seq for appended in results for one in appended)  # a repeat keeps its old number
        self.last_seq = max(self.last_seq, newest)
        for waiting, appended in zip(group, results, strict=True):
            waiting.done(appended)
        self._checkpointer.after_commit(self._connection)

    def _trim_slice(self) -> None:
        """Deletes the oldest rows that everyone has passed; a failure leaves them for next time."""
        try:
            finished = maintenance.trim(self._connection, self._trim_to, int(time.time()) - GIVEN_ID_SECONDS)
        except apsw.Error:
            finished = True
        self._checkpointer.after_commit(self._connection)
        with self._wake:
            if finished:
                self._trim_to = 0


def insert(connection: apsw.Connection, entry: Entry, now: int) -> Appended:
    """Adds one entry within the transaction that is open, unless its given id is known.

    Args:
        connection: for writing.
        entry: the event.
        now: seconds since the epoch.
    """
    if entry.given:
        for (seq,) in connection.execute(_KNOWN, (entry.event_id,)):
            return Appended(seq, repeated=True)
    connection.execute(_INSERT, (entry.event_id, entry.body))
    seq = connection.last_insert_rowid()
    if entry.given:
        connection.execute(_REMEMBER, (entry.event_id, seq, now))
    return Appended(seq, repeated=False)
