"""A token bucket: how often something may happen."""

from collections.abc import Callable


class Bucket:
    """Lets `rate` pass each second, and as many at once after a second of rest.

    Args:
        rate: how many per second.
        clock: seconds that never go back.
    """

    __slots__ = ("_at", "_clock", "_level", "_rate")

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._level = float(rate)
        self._at = clock()

    def take(self) -> float:
        """One more; seconds until it would have been due, 0 when it was."""
        now = self._clock()
        self._level = min(self._rate, self._level + (now - self._at) * self._rate) - 1
        self._at = now
        return -self._level / self._rate if self._level < 0 else 0.0
