"""Where the time of an event goes: the last ones by stage, as percentiles and as a histogram. Batches are left out.

Measured on every event that comes alone, so it must cost next to nothing: one call puts eight integers into memory
that was taken at the start, and every `FOLD` events a sort in C brings them into the histogram. With the clock's
readings that is 1.5 µs of processor time an event.
"""

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import msgspec

from sidecar.front.monitor import WINDOW_SECONDS, percentile

STAGES = ("read", "decode", "redact", "normalise", "wait", "commit", "other")
"""In the order of their work.

`read`: the body arrives. `wait`: in the journal's queue, and from the commit to the event loop's turn. `commit`: the
group's transaction, synced. `other`: the rest, such as a large body's wait for a thread, and telling live clients.
"""

SIZE = 4096
"""Events that are kept; a multiple of `FOLD`, so that a fold never goes around the end."""
FOLD = 256
BOUNDS = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds in seconds of `leanvibe_processing_stage_duration_seconds`."""
_BOUNDS_NS = tuple(round(bound * 1e9) for bound in BOUNDS)
_WINDOW_NS = int(WINDOW_SECONDS * 1e9)


class StageTotal(msgspec.Struct, frozen=True):
    """All events since start in one stage: their seconds, and how many fell into each bucket."""

    stage: str
    seconds: float
    buckets: tuple[int, ...]


class StageTimes(msgspec.Struct, frozen=True):
    """One stage within the window, in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float


class Stages:
    """A ring of the last `SIZE` events; on the event loop's thread only.

    Args:
        clock: nanoseconds that never go back.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self._times = array("q", bytes(8 * SIZE))
        self._columns = tuple(array("q", bytes(8 * SIZE)) for _ in STAGES)
        self._count = 0
        self._folded = 0
        self._sums = [0] * len(STAGES)
        self._buckets = [[0] * (len(BOUNDS) + 1) for _ in STAGES]

    def note(self, spent: tuple[int, int, int, int, int, int], total: int) -> None:
        """One event that was taken.

        Args:
            spent: nanoseconds of each stage but `other`, in the order of `STAGES`.
            total: nanoseconds of all of it.
        """
        place = self._count % SIZE
        self._times[place] = self._clock()
        read, decode, redact, normalise, wait, commit, other = self._columns
        read[place], decode[place], redact[place], normalise[place], wait[place], commit[place] = spent
        other[place] = max(0, total - sum(spent))
        self._count += 1
        if self._count % FOLD == 0:
            self._fold()

    def totals(self) -> tuple[StageTotal, ...]:
        """Every stage since start, for `/metrics`."""
        self._fold()
        rows = zip(STAGES, self._sums, self._buckets, strict=True)
        return tuple(StageTotal(stage, ns / 1e9, tuple(buckets)) for stage, ns, buckets in rows)

    def window(self) -> dict[str, StageTimes]:
        """Every stage over the last minute, or over the last `SIZE` when they took less."""
        return {stage: _times(values) for stage, values in zip(STAGES, self._recent(), strict=True)}

    def _recent(self) -> Iterator[list[int]]:
        """Ascending nanoseconds of each stage, of the events within the window."""
        begin = self._count % SIZE if self._count > SIZE else 0
        kept = min(self._count, SIZE)
        times = (self._times[begin:] + self._times[:begin])[:kept]
        first = bisect_left(times, self._clock() - _WINDOW_NS)
        for column in self._columns:
            yield sorted((column[begin:] + column[:begin])[first:kept])

    def _fold(self) -> None:
        """Adds what came since the last time to the histogram."""
        count = self._count - self._folded
        begin = self._folded % SIZE
        for number, column in enumerate(self._columns):
            values = sorted(column[begin : begin + count])
            self._sums[number] += sum(values)
            self._add(self._buckets[number], values)
        self._folded = self._count

    @staticmethod
    def _add(buckets: list[int], values: list[int]) -> None:
        below = 0
        for place, bound in enumerate(_BOUNDS_NS):
            up_to = bisect_right(values, bound, below)
            buckets[place] += up_to - below
            below = up_to
        buckets[-1] += len(values) - below


def _times(values: list[int]) -> StageTimes:
    ms = [value / 1e6 for value in values]
    cuts = (percentile(ms, share) for share in (0.5, 0.95, 0.99, 1.0))
    return StageTimes(*cuts)
