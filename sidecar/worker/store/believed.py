"""Whether the clock is to be believed: by what it says days are deleted for good, and it may be wrong at times."""

import time
from collections.abc import Callable

LEAP_SECONDS = 24 * 3600.0
"""Further than this the clock does not move by itself: it was set, or the host was away."""
PATIENCE_SECONDS = 3600.0
"""How long the clock must go on from there until it is believed."""


class BelievedClock:
    """The time in seconds since the epoch, and whether it is likely.

    Args:
        clock: the time.
        steady: seconds that never leap.
    """

    def __init__(self, clock: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady = steady
        self._offset: float | None = None
        self._leapt_at = float("-inf")

    def is_likely(self, newest: Callable[[], float | None]) -> bool:
        """Whether it has gone on without a leap for `PATIENCE_SECONDS`, or, at first, from the newest event on.

        Args:
            newest: tells when that was received, in seconds since the epoch, None without any; asked at first only.
        """
        steady = self._steady()
        offset = self._clock() - steady
        if self._offset is None:
            received_at = newest()
            self._offset = offset if received_at is None else received_at - steady
        if abs(offset - self._offset) > LEAP_SECONDS:
            self._leapt_at = steady
        self._offset = offset
        return steady - self._leapt_at >= PATIENCE_SECONDS
