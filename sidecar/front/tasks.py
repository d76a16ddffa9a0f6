"""The tasks of the front that must not end: begun again after whatever ended one, counted, and told in health."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from sidecar.errors import said_of
from sidecar.log import LOGGER

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 15.0
STEADY_SECONDS = 30.0
"""A task that went on this long ended by something new: it waits no longer than the first time, and is well again."""


class Tasks:
    """Tasks by name; on the event loop's thread only. A fault never stops one for good, and is never unseen."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        """How often each was begun again."""
        self._reasons: dict[str, tuple[str, float]] = {}
        self._running: list[asyncio.Task[None]] = []

    @property
    def trouble(self) -> str | None:
        """What failed last, and why, for as long as a task has not been well for `STEADY_SECONDS`."""
        now = time.monotonic()
        told = [f"{name}: {said}" for name, (said, until) in sorted(self._reasons.items()) if now < until]
        return "; ".join(told) or None

    def begin(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Runs what goes on until it is cancelled."""
        self._running.append(asyncio.create_task(self._go_on(name, work)))

    async def end(self) -> None:
        """Cancels all of them. Safe to call twice."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _go_on(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            began = time.monotonic()
            try:
                return await work()
            except Exception as error:  # noqa: BLE001  whatever it is must not end the task, unseen
                wait = FIRST_WAIT_SECONDS if time.monotonic() - began > STEADY_SECONDS else wait
                self._failed(name, said_of(error), wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _failed(self, name: str, said: str, wait: float) -> None:
        if self._reasons.get(name, ("", 0.0))[0] != said:
            LOGGER.error("%s is begun again: %s", name, said)
        self.failures[name] += 1
        self._reasons[name] = (said, time.monotonic() + wait + STEADY_SECONDS)
