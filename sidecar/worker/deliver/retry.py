"""How long to wait before trying again: a pure decision."""

import random

FIRST_SECONDS = 0.25
CAP_SECONDS = 30.0
"""A sink that is back is asked within half a minute, half of that on average."""
LONGEST_RETRY_AFTER = 600.0
"""A sink may ask for a longer wait; we look again after ten minutes all the same."""


def delay(attempt: int, retry_after: float | None, rng: random.Random) -> float:
    """Seconds before attempt `attempt` + 1: exponential backoff with full jitter, after what the sink asked for.

    Full jitter (any time between nothing and the exponential bound) keeps a hundred hosts from coming back at once,
    also those that a sink told the same time; and a sink that asks for no time at all is not hammered.

    Args:
        attempt: failures so far, from 1.
        retry_after: seconds that the sink asked for, if it did.
        rng: the source of the jitter.
    """
    asked = 0.0 if retry_after is None else min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
    bound = min(CAP_SECONDS, FIRST_SECONDS * 2 ** min(attempt - 1, 20))
    return asked + rng.uniform(0, bound)
