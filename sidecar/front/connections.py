"""Every open HTTP connection by what it waits for, so that slow, silent and too many clients cost the others nothing.

A connection is in one phase at a time. Each phase keeps its connections oldest first, so that looking for the overdue
costs as much as there are of them. When connections run short, one that has not finished its head goes first, then
one whose body is slow in coming, then the one that was idle longest. One that was busy a moment ago never goes:
whoever comes when so many are busy that all would wait for each other is told to try again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from math import inf
from typing import Protocol

from sidecar.front.bucket import Bucket

BODY_BYTES_PER_SECOND = 16 * 1024
"""What a body must bring on average after its first seconds."""
DEAF_SECONDS = 60.0
"""How long a client may leave an answer unread."""
MOMENT_SECONDS = 1.0
"""A connection counts as busy until so long after its last answer."""
KEEP_ALIVE_SECONDS = 600
"""Long, because a connection that closes just as the agent posts costs the user an error line."""
SLOW_BODY_SECONDS = 0.25
"""When connections run short, a body that takes longer goes."""
SWEEP_SECONDS = 0.5


class Phase(Enum):
    """What a connection waits for."""

    HEAD = "slow_head"
    BODY = "slow_body"
    IDLE = "idle"
    DEAF = "deaf"
    BUSY = "busy"


class Connection(Protocol):
    """One connection as it is seen from here; compared by identity."""

    received: int
    """Bytes of the body that is coming."""

    @property
    def is_held(self) -> bool:
        """We do not read from it: what is missing is not the client's fault."""

    def hang_up(self, phase: Phase) -> None:
        """Ends it: it was in this phase for too long, or others need its place."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may.

    Args:
        connections: open at once.
        busy: of them those that ask something in the same second.
        per_connection: requests of one in a second.
        overall: requests of all in a second.
        slow_seconds: what a slow one is given.
    """

    connections: int
    busy: int
    per_connection: int
    overall: int
    slow_seconds: float


class Connections:
    """The connections of one server; on the event loop's thread only.

    Args:
        limits: what they may.
        clock: seconds that never go back.
    """

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.turned_away: Counter[str] = Counter()
        """Clients that were sent away or hung up on, by reason."""
        self._clock = clock
        self._in: dict[Phase, dict[Connection, float]] = {phase: {} for phase in Phase}
        self._phase: dict[Connection, Phase] = {}
        self._overall = Bucket(limits.overall, clock)
        self._sweeping = False

    def __len__(self) -> int:
        return len(self._phase)

    def enter(self, connection: Connection) -> bool:
        """Takes in a new one; false when it can only be told to try again."""
        has_room = len(self._phase) < self.limits.connections or self._make_room()
        self.move(connection, Phase.HEAD)
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_again)
        if not has_room:
            self.turned_away["too_many_connections"] += 1
        return has_room

    def admit(self) -> bool:
        """Whether one more may ask. Looked at when it first does: hundreds may have come in together before."""
        is_crowded = self._is_crowded()
        if is_crowded:
            self.turned_away["too_many_connections"] += 1
        return not is_crowded

    def move(self, connection: Connection, phase: Phase) -> None:
        """From now on it waits for this."""
        before = self._phase.get(connection)
        if before is not None:
            del self._in[before][connection]
        self._phase[connection] = phase
        self._in[phase][connection] = self._clock()

    def leave(self, connection: Connection) -> None:
        """It is closed, or no longer speaks HTTP. Harmless when it has left."""
        phase = self._phase.pop(connection, None)
        if phase is not None:
            del self._in[phase][connection]

    def bucket(self) -> Bucket:
        """What one new connection may ask."""
        return Bucket(self.limits.per_connection, self._clock)

    def debt(self, bucket: Bucket) -> float:
        """Seconds until this connection is read again, after one more request."""
        return max(bucket.take(), self._overall.take())

    def sweep(self) -> None:
        """Hangs up on those that have been waiting too long."""
        now = self._clock()
        self._end_older(Phase.HEAD, now - self.limits.slow_seconds)
        self._end_older(Phase.DEAF, now - DEAF_SECONDS)
        self._end_older(Phase.IDLE, now - KEEP_ALIVE_SECONDS)
        for connection, since in list(self._in[Phase.BODY].items()):
            if connection.is_held:
                self._in[Phase.BODY][connection] = min(now, since + SWEEP_SECONDS)
            elif now - since > self.limits.slow_seconds + connection.received / BODY_BYTES_PER_SECOND:
                self._end(connection, Phase.BODY, Phase.BODY.value)

    def _sweep_again(self) -> None:
        try:
            self.sweep()
        finally:  # one that cannot be hung up on has left, and must not be the last
            self._sweeping = bool(self._phase)
            if self._sweeping:
                asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_again)

    def _end_older(self, phase: Phase, than: float) -> None:
        waiting = self._in[phase]
        while waiting:
            connection, since = next(iter(waiting.items()))
            if since >= than:
                return
            self._end(connection, phase, phase.value)

    def _make_room(self) -> bool:
        """Ends the one that can be missed best; false when there is none."""
        now = self._clock()
        for phase, seconds in ((Phase.HEAD, 0.0), (Phase.BODY, SLOW_BODY_SECONDS), (Phase.IDLE, MOMENT_SECONDS)):
            found = (one for one, since in self._in[phase].items() if since <= now - seconds and not one.is_held)
            for connection in found:
                self._end(connection, phase, "place_needed")
                return True
        return False

    def _is_crowded(self) -> bool:
        """Whether so many are busy that one more would make all of them wait."""
        more = self.limits.busy - len(self._in[Phase.BUSY])
        if more <= 0:
            return True
        oldest = next(islice(reversed(self._in[Phase.IDLE].values()), more - 1, None), -inf)
        return oldest > self._clock() - MOMENT_SECONDS

    def _end(self, connection: Connection, phase: Phase, reason: str) -> None:
        if reason != Phase.IDLE.value:  # it asked for nothing
            self.turned_away[reason] += 1
        self.leave(connection)
        connection.hang_up(phase)
