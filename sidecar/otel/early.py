"""When the finished calls of a long turn leave before the turn does."""

import msgspec

from sidecar.otel.digest import Digest
from sidecar.otel.kinds import ENDS_A_CALL, Kind

GRACE_US = 1_000_000
"""How long something that ended waits for events that race with its end."""

DIGEST_US = 10_000
"""A flush reads the whole turn, so the more events there are the rarer it gets: its share of a core stays small."""


class Early(msgspec.Struct, frozen=True):
    """From when on finished calls leave early; times in microseconds.

    `after_us` is the age of the turn, or it has as many events as `events`; `every_us` lies between two flushes.
    """

    after_us: int
    events: int
    every_us: int


LONG_TURNS = Early(after_us=180_000_000, events=800, every_us=30_000_000)
"""For traces: a turn of minutes is seen before it ends, a short one leaves as a whole."""

AT_ONCE = Early(after_us=0, events=0, every_us=1_000_000)
"""For metrics: a call counts soon after its end."""


class Flushing(msgspec.Struct):
    """What one open turn knows of its flushes.

    `waiting_since` is the end of the first call that has not left, `last_at` the time of the last flush, `left`
    the ids of the spans that are gone.
    """

    waiting_since: int | None = None
    last_at: int = 0
    left: set[str] = set()

    def note(self, one: Digest) -> None:
        """Takes notice of an event of the turn."""
        if one.kind in ENDS_A_CALL or one.kind is Kind.BATCH:
            self.waiting_since = min(self.waiting_since or one.at, one.at)

    def due_at(self, early: Early, start: int, events: int) -> int | None:
        """When to flush next if nothing more comes; None when nothing waits.

        A function of the turn's own events, so that every restart and every order of reading gives the same.
        """
        if self.waiting_since is None:
            return None
        old_enough = start + early.after_us if events < early.events else 0
        pause = max(early.every_us, events * DIGEST_US) if self.last_at else 0
        return max(self.waiting_since + GRACE_US, old_enough, self.last_at + pause)
