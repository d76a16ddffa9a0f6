from hypothesis import given
from hypothesis import strategies as st

from exporters.portions import portions

SIZES = st.lists(st.integers(0, 30))


@given(SIZES, st.integers(1, 40))
def test_portions_are_the_batch_in_order(sizes: list[int], limit: int) -> None:
    """Portions follow each other without a gap, none is empty, and together they are the batch."""
    parts = [sizes[portion] for portion in portions(sizes, limit)]
    assert sizes == [size for part in parts for size in part]
    assert [] not in parts


@given(SIZES, st.integers(1, 40))
def test_a_portion_is_over_the_limit_only_alone(sizes: list[int], limit: int) -> None:
    """A portion keeps the limit, unless it is one item that is larger by itself."""
    parts = [sizes[portion] for portion in portions(sizes, limit)]
    assert [] == [part for part in parts if sum(part) > limit and len(part) > 1]
