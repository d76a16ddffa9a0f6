"""One-time codes: what a link may carry in place of the token, since links end up in histories and logs."""

import secrets
import time
from collections.abc import Callable

LIFE_SECONDS = 600.0
MAX_CODES = 100
"""Codes that wait to be used; the oldest make room for new ones."""


class OneTimeCodes:
    """Gives out codes that open the page once, within `LIFE_SECONDS`; kept in memory only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}

    def issue(self) -> str:
        """A new code, 192 bits."""
        while len(self._ends) >= MAX_CODES:
            del self._ends[next(iter(self._ends))]
        code = secrets.token_urlsafe(24)
        self._ends[code] = self._clock() + LIFE_SECONDS
        return code

    def clear(self) -> None:
        """Makes every code that waits worthless."""
        self._ends.clear()

    def use(self, code: str) -> bool:
        """Whether the code was good; from now on it is not. Found by hash, so time tells nothing of the others."""
        return self._ends.pop(code, 0.0) > self._clock()
