"""Reading what can be read of a damaged journal: around the damage, from both sides, within bounds."""

from collections.abc import Generator, Iterator
from typing import NamedTuple

import apsw

MAX_FAILURES = 400
"""Reads that may hit damage before the rest between two damaged places is given up."""

_UP = "SELECT seq, event_id, body FROM journal WHERE seq >= ? AND seq <= ? ORDER BY seq"
_DOWN = _UP + " DESC"


class Row(NamedTuple):
    """One row of the journal."""

    seq: int
    event_id: str
    body: bytes


def rows(connection: apsw.Connection, highest: int, lowest: int = 0) -> Iterator[Row]:
    """Every row with a number from `lowest` to `highest` that can be read, in no particular order, each once.

    A damaged page hides the rows on it and nothing else: what lies before is read upwards, what lies behind
    downwards, and what is left between two damaged places is halved and tried again.
    """
    ranges = [(lowest, highest)]
    failures = 0
    while ranges and failures < MAX_FAILURES:
        low, high = ranges.pop()
        below, whole = yield from _read(connection, _UP, low, high)
        if whole:
            continue
        above, _ = yield from _read(connection, _DOWN, below + 1, high)
        failures += 1
        first, last = below + 1, above - 1
        if last > first:
            middle = (first + last) // 2
            ranges += [(first, middle), (middle + 1, last)]


def _read(connection: apsw.Connection, query: str, low: int, high: int) -> Generator[Row, None, tuple[int, bool]]:
    """Rows until the first damage; the number of the last one, and whether there was no damage.

    Without a row before the damage that is the number just outside the range.
    """
    reached = low - 1 if query is _UP else high + 1
    try:
        for seq, event_id, body in connection.execute(query, (low, high)):
            reached = seq
            yield Row(seq, event_id, body)
    except apsw.Error:
        return reached, False
    return reached, True
