"""Appending: one thread commits everything that waits in one transaction, then acknowledges all of it.

At rest a single event commits at once, on the caller's own thread; under load the groups grow by themselves (group
commit).
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue

import apsw

from sidecar.errors import JournalError, NotDurableError
from sidecar.journal import maintenance, pace
from sidecar.journal.insertion import Appended, Entry, insert_all, refusal
from sidecar.journal.recovery import OpenJournal, inode_of, is_damage, open_journal, reopened, taken_away
from sidecar.journal.schema import BUSY_TIMEOUT_MS

MAX_WAITING_BYTES = 128 * 1024 * 1024
"""Bodies waiting for a commit; beyond it an append is refused instead of growing the process."""
MAX_GROUP = 2048
MAX_BYTES = 1024 * 1024 * 1024
"""Of the journal in use; above it rows that the store has are trimmed although a sink still needs them."""
FULL_BEYOND_BYTES = 256 * 1024 * 1024
"""How far the journal may grow beyond `max_bytes` before appends are refused: the store is far behind then."""
MEASURE_BYTES = 1024 * 1024
MEND_SECONDS = 5.0
"""At least this long between two attempts to mend a damaged journal."""
GIVEN_ID_SECONDS = 24 * 3600

Callback = Callable[[list[Appended] | NotDurableError], None]


@dataclass(slots=True)
class _Waiting:
    entries: Sequence[Entry]
    done: Callback
    size: int


class JournalWriter:
    """Owns the journal file for writing. One per data directory; `append` may be called from any thread.

    Args:
        path: the journal file; made when missing, moved aside when damaged.
        max_bytes: beyond it, rows go as soon as the store has them, and sinks that lag are served from there.

    Raises:
        JournalError: the file cannot be opened.
    """

    last_seq: int
    """The highest sequence number that is durable."""
    _checkpointer: maintenance.Checkpointer

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        """Not empty when there is something to look at: faster than a condition, and events wait for it."""
        self._in_use = threading.Lock()
        """Held by the thread that uses the connection; whoever waits for it may not be waited for."""
        self._closing = False
        self._calm_from = 0
        self._passed = 0
        self._stored = 0
        self._trimming = False
        self._mended_at = float("-inf")
        self.commit_ns = 0
        """Nanoseconds that the last group took, synced. For `done`, which is called before the next group."""
        self._commit_began = 0
        self._error: str | None = None
        self.lost = 0
        """Events of a damaged journal that could not be read."""
        self.recovery: str | None = None
        """What became of a damaged journal, in one line."""
        self._use(open_journal(path))
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def last_error(self) -> str | None:
        """Why the last commit failed, or that one does not end; None once one works again."""
        return self._error or pace.stalled(self._commit_began)

    def append(self, entries: Sequence[Entry], done: Callback) -> None:
        """Queues entries, all for one commit, in order; `done` is called from the journal's thread after it.

        Raises:
            NotDurableError: closed, or too much is waiting already.
        """
        size = sum(len(entry.body) for entry in entries)
        with self._lock:
            if self._closing:
                raise NotDurableError("the journal is closed", hint="the sidecar is stopping")
            if self._waiting_bytes + size > MAX_WAITING_BYTES:
                raise NotDurableError("too much is waiting to be written", hint="the disk is slow; try again")
            self._waiting.append(_Waiting(entries, done, size))
            self._waiting_bytes += size
        self._wake_up()

    def append_now(self, entries: Sequence[Entry]) -> list[Appended] | None:
        """Appends on the caller's thread: at rest two changes of threads cost as much as the commit.

        None when it is not calm, or did not work out. Nothing was taken then, and `append` tells why.
        """
        size = sum(len(entry.body) for entry in entries)
        is_calm = size <= pace.MAX_NOW_BYTES and not self._waiting and time.perf_counter_ns() > self._calm_from
        if not is_calm or not self._in_use.acquire(blocking=False):
            return None
        try:
            return None if self._closing else self._commit_now(entries, size)
        finally:
            self._in_use.release()

    def trim(self, passed: int, stored: int = 0) -> None:
        """Lets rows go, in small slices between groups.

        Args:
            passed: every consumer has passed this sequence number: rows up to it go.
            stored: the store has passed it: beyond `max_bytes` rows up to it go too.
        """
        with self._lock:
            self._passed, self._stored = max(self._passed, passed), max(self._stored, stored)
            self._trimming = True
        self._wake_up()

    def close(self) -> None:
        """Commits what waits, then releases the file. Safe to call twice."""
        with self._lock:
            self._closing = True
        self._wake_up()
        self._thread.join()
        with self._in_use:
            self._checkpointer.close()
            self._connection.close()

    def _run(self) -> None:
        while self._has_work():
            with self._in_use:
                group = self._next_group()
                if group:
                    self._commit(group)
                if self._trimming and (not group or self._used > self._max_bytes):
                    self._trim_slice()

    def _wake_up(self) -> None:
        if self._wake.empty():  # else the thread has not looked yet since it was woken last
            self._wake.put(None)

    def _rest(self) -> bool:
        """Waits to be woken; false when that took long enough to trim a slice, or when trimming cannot wait."""
        try:
            urgent = self._used > self._max_bytes // pace.URGENT_SHARE
            self._wake.get(timeout=(0 if urgent else pace.PAUSE_SECONDS) if self._trimming else None)
        except Empty:
            return False
        return True

    def _has_work(self) -> bool:
        """Returns once something waits or there is time to trim; false when closed."""
        while True:
            closing = self._closing  # once it is set nothing is added any more
            if self._waiting:
                return True
            if closing:
                return False
            if not self._rest() and self._trimming:
                return True

    def _next_group(self) -> list[_Waiting]:
        """What waits, at most `MAX_GROUP` requests."""
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]
            self._waiting_bytes -= sum(waiting.size for waiting in group)
            return group

    def _commit_now(self, entries: Sequence[Entry], size: int) -> list[Appended] | None:
        started = time.perf_counter_ns()
        try:
            self._connection.set_busy_timeout(0)
            try:
                appended = self._insert_all(entries, size)
            finally:
                self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        except Exception:  # noqa: BLE001  the journal's thread comes to the same end, and tells why
            return None
        self._committed(appended, started)
        self._checkpointer.after_commit(self._connection)
        return appended

    def _commit(self, group: list[_Waiting]) -> None:
        started = self._commit_began = time.perf_counter_ns()
        try:
            entries = [entry for waiting in group for entry in waiting.entries]
            appended = self._insert_all(entries, sum(waiting.size for waiting in group))
        except Exception as error:  # noqa: BLE001  whatever it is, everyone must be told and the thread go on
            self._ended(started)
            refused = refusal(error)
            is_closed = isinstance(error, apsw.ConnectionClosedError)  # mending has failed, and said why
            self._error = self._error if is_closed else str(refused)
            _tell(group, [refused] * len(group))
            if is_closed or is_damage(error) or self._is_gone():
                self._mend()
            return
        self._committed(appended, started)
        following = iter(appended)
        _tell(group, [list(islice(following, len(waiting.entries))) for waiting in group])
        self._checkpointer.after_commit(self._connection)

    def _insert_all(self, entries: Sequence[Entry], size: int) -> list[Appended]:
        """One synced transaction, and a mark above its numbers."""
        if self._is_gone():
            raise taken_away(self.path)
        self._keep_room(size)
        appended = insert_all(self._connection, entries, int(time.time()))
        with contextlib.suppress(OSError):  # far below the mark there is time: the next commit tries again
            self._mark.keep_above(max(one.seq for one in appended))
        return appended

    def _committed(self, appended: Sequence[Appended], started_ns: int) -> None:
        self._ended(started_ns)
        self._error = None
        newest = max(one.seq for one in appended)  # a repeat keeps its old number
        self.last_seq = max(self.last_seq, newest)

    def _ended(self, started_ns: int) -> None:
        """A commit has worked, or failed: the disk took so long for it."""
        now = time.perf_counter_ns()
        self.commit_ns = now - started_ns
        self._calm_from = now + pace.pause_after(self.commit_ns)
        self._commit_began = 0

    def _keep_room(self, size: int) -> None:
        """Refuses what a full journal cannot take; its size is only looked up after each `MEASURE_BYTES`."""
        limit = self._max_bytes + FULL_BEYOND_BYTES
        self._unmeasured += size
        if self._unmeasured > MEASURE_BYTES or self._used + self._unmeasured > limit:
            self._measure()
        if self._used > limit:
            raise NotDurableError(
                f"the journal is full ({self._used >> 20} MB) of what the store has not taken yet",
                hint="see leanvibe status for what holds the store up, or raise LEANVIBE_JOURNAL_MAX_MB",
            )

    def _is_gone(self) -> bool:
        return inode_of(self.path) != self._inode

    def _measure(self) -> None:
        self._used = maintenance.used_bytes(self._connection)
        self._unmeasured = 0

    def _use(self, opened: OpenJournal) -> None:
        self._connection, self._mark = opened.connection, opened.mark
        self._inode = inode_of(self.path)
        self._measure()
        self.last_seq = maintenance.highest_seq(opened.connection)
        self._checkpointer = maintenance.Checkpointer(self.path, opened.connection)
        if opened.recovery is not None:
            self.recovery = str(opened.recovery)
            self.lost += opened.recovery.lost or 0

    def _mend(self) -> None:
        """Opens the journal anew, which moves a damaged file aside; when that fails appends are refused as before."""
        if time.monotonic() - self._mended_at < MEND_SECONDS:
            return
        self._mended_at = time.monotonic()
        self._checkpointer.close()
        try:
            self._use(reopened(self.path, self._connection, self._inode, self.last_seq))
        except Exception as error:  # noqa: BLE001  the thread must go on: the next append tries again
            self._error = str(error) if isinstance(error, JournalError) else str(refusal(error))

    def _trim_slice(self) -> None:
        """Deletes the oldest rows that everyone has passed; a failure leaves them for next time."""
        try:
            self._measure()
            target = max(self._passed, self._stored) if self._used > self._max_bytes else self._passed
            finished = maintenance.trim(self._connection, target, int(time.time()) - GIVEN_ID_SECONDS)
        except apsw.Error:
            finished = True
        self._checkpointer.after_commit(self._connection)
        with self._lock:
            if finished:
                self._trimming = False


def _tell(group: Sequence[_Waiting], answers: Sequence[list[Appended] | NotDurableError]) -> None:
    for waiting, answer in zip(group, answers, strict=True):
        with contextlib.suppress(RuntimeError):  # the event loop that waited is closed: nobody is left to be told
            waiting.done(answer)
