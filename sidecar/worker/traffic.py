"""Whether events come in now, so that what can wait makes room for those that wait for an answer."""

import time
from collections.abc import Callable

QUIET_SECONDS = 1.0
"""Without a new event for so long there is nobody to make room for."""


class Traffic:
    """Looks at the newest sequence number now and then; one for each thread.

    Args:
        last_seq: the journal's newest; raises a `LeanvibeError`.
        clock: seconds that never go back.
    """

    def __init__(self, last_seq: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self.newest = 0
        """As of the last look."""
        self._last_seq = last_seq
        self._clock = clock
        self._until = float("-inf")

    def flows(self) -> bool:
        """Whether an event came since the last look, or within `QUIET_SECONDS`; raises what `last_seq` does."""
        newest = self._last_seq()
        if newest != self.newest:
            self.newest, self._until = newest, self._clock() + QUIET_SECONDS
        return self._clock() < self._until
