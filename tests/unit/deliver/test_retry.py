"""Laws of waiting before the next attempt."""

import random

from hypothesis import given
from hypothesis import strategies as st

from sidecar.worker.deliver.retry import CAP_SECONDS, FIRST_SECONDS, LONGEST_RETRY_AFTER, delay


@given(st.integers(1, 10_000), st.integers())
def test_waits_grow_to_a_cap(attempt: int, seed: int) -> None:
    """A wait lies between nothing and the exponential bound, which never passes the cap."""
    waited = delay(attempt, None, random.Random(seed))

    assert 0 <= waited <= min(CAP_SECONDS, FIRST_SECONDS * 2 ** min(attempt - 1, 60))


@given(st.integers(1, 100), st.floats(allow_nan=False))
def test_what_the_sink_asks_for_is_kept(attempt: int, asked: float) -> None:
    """The sink's own wait is kept, within ten minutes, and the jitter comes after it."""
    kept = min(max(asked, 0.0), LONGEST_RETRY_AFTER)
    assert kept + delay(attempt, None, random.Random(0)) == delay(attempt, asked, random.Random(0))


def test_a_sink_that_asks_for_no_time_is_not_hammered() -> None:
    """A thousand answers of `Retry-After: 0` take hours, as a thousand without it do."""
    rng = random.Random(0)
    assert sum(delay(attempt, 0.0, rng) for attempt in range(1, 1001)) > 3600
