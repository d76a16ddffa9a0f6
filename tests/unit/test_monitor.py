import pytest

from sidecar.front.monitor import percentile


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
