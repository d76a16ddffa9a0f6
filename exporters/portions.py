"""Cuts a batch into portions that one round trip may carry."""

from collections.abc import Iterator, Sequence


def portions(sizes: Sequence[int], limit: int) -> Iterator[slice]:
    """Consecutive slices whose sizes add up to `limit` at most; a larger item stands alone.

    Args:
        sizes: bytes of each item, in order.
        limit: bytes that one portion may have.
    """
    start = filled = 0
    for position, size in enumerate(sizes):
        if position > start and filled + size > limit:
            yield slice(start, position)
            start, filled = position, 0
        filled += size
    if start < len(sizes):
        yield slice(start, len(sizes))
