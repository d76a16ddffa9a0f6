"""Stages: where the time of events goes."""

import pytest

from sidecar.front.stages import BOUNDS, FOLD, SIZE, STAGES, Stages

MILLISECOND = 1_000_000


class Clock:
    """Nanoseconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Now."""
        return self.now


@pytest.mark.parametrize("count", [0, 1, FOLD - 1, FOLD, FOLD + 1, SIZE, SIZE + FOLD // 2, 2 * SIZE + 3])
def test_every_event_is_counted_once(count: int) -> None:
    """However often it is read in between, the histogram holds each event in one bucket of each stage."""
    stages = Stages(Clock())
    for number in range(count):
        stages.note((number, 0, 2 * 10**9, 0, 0, MILLISECOND), 3 * 10**9)
        if number % 100 == 0:
            stages.totals()
    totals = {one.stage: one for one in stages.totals()}

    assert set(STAGES) == set(totals)
    assert {count} == {sum(one.buckets) for one in totals.values()}
    assert count == totals["redact"].buckets[-1], "2 s are beyond every bound"
    assert count == totals["commit"].buckets[BOUNDS.index(0.001)], "a bound belongs to its bucket"
    assert sum(range(count)) / 1e9 == pytest.approx(totals["read"].seconds)


def test_the_window_holds_the_last_minute() -> None:
    """Percentiles are of the events of the last minute; what is older is forgotten, also around the ring's end."""
    clock = Clock()
    stages = Stages(clock)
    for _ in range(SIZE - 50):
        stages.note((0, 0, 0, 0, 0, 9 * MILLISECOND), 9 * MILLISECOND)
    clock.now = 61 * 10**9
    for number in range(1, 101):
        stages.note((0, 0, 0, 0, 0, number * MILLISECOND), (number + 5) * MILLISECOND)
    found = stages.window()

    assert (50.0, 95.0, 99.0, 100.0) == (
        found["commit"].p50, found["commit"].p95, found["commit"].p99, found["commit"].max,
    )  # fmt: skip
    assert 5.0 == found["other"].p50


def test_no_events_have_no_times() -> None:
    """Before the first event all is 0."""
    assert {0.0} == {one.max for one in Stages(Clock()).window().values()}
