"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 90.0
"""Seconds until what does not answer, end or deliver is an error.

Far beyond what anything needs, on a slow and busy machine too: a sink that was away is asked again after up to 30.
"""

Found = TypeVar("Found")


def until(ask: Callable[[], Found | None], what: str, explain: Callable[[], str] = str) -> Found:
    """The first true answer.

    Raises:
        TimeoutError: there was none within `PATIENCE`; says what was awaited, and what `explain` says.
    """
    deadline = time.monotonic() + PATIENCE
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE:g} s: {what}; last was {found!r}\n{explain()}")
        time.sleep(0.02)
    return found
