"""Laws of what the monitor counts: bounded, and no alarm without evidence."""

import msgspec
import pytest

from sidecar.front.monitor import MAX_AGENTS, MIN_SAMPLES, PerformanceMonitor, percentile
from tests.recorded_events import recorded_events


@pytest.mark.parametrize("count", [1, 2, 10, 20, 99, 100, 101, 1000])
@pytest.mark.parametrize("percent", [50, 95, 99])
def test_a_percentile_is_the_nearest_rank(count: int, percent: int) -> None:
    """It is the smallest value that at least so many percent of the values do not exceed."""
    values = [float(value) for value in range(1, count + 1)]
    expected = next(value for value in values if value * 100 >= percent * count)
    assert expected == percentile(values, percent / 100)


def test_no_values_have_no_percentile() -> None:
    """Before the first event the answer is 0."""
    assert 0.0 == percentile([], 0.95)


def test_few_events_say_nothing_of_a_rate() -> None:
    """Failures alone make a host critical only once there were enough events to speak of a rate."""
    monitor = PerformanceMonitor()
    monitor.failed(MIN_SAMPLES - 1)
    assert "good" == monitor.snapshot().level

    monitor.failed()
    assert "critical" == monitor.snapshot().level


def test_agents_that_clients_name_are_bounded() -> None:
    """Only so many names become a metric's label, each of which looks like one; the rest are counted as "other"."""
    monitor = PerformanceMonitor()
    (event,) = recorded_events(1)
    names = ["no name", *(f"agent-{number}" for number in range(MAX_AGENTS + 5)), "agent-0"]
    monitor.processed([msgspec.structs.replace(event, agent=name) for name in names], 0.001)
    counted = {agent: count for (agent, _), count in monitor.totals.processed.items()}

    assert MAX_AGENTS + 1 == len(counted)
    assert (2, 6) == (counted["agent-0"], counted["other"])
