"""How much memory DuckDB may use: little while it only loads, all that the setting gives while somebody asks."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import duckdb

from sidecar.worker.store.trouble import StoreMemoryError, as_store_error

MORE = 8
"""Times the most, for a query that has shown that it needs more: large payloads are put together in memory."""
AT_REST = 5
"""At rest one part in so many of the most: loading and checkpoints need no more, and DuckDB fills what it may use."""
LEAST_MB = 24
SMALLER = (2 / AT_REST, 1.0)
"""Times the most, tried before `MORE` for work that can be done again: a checkpoint uses all that it is given."""

Outcome = TypeVar("Outcome")


class Room:
    """DuckDB's memory limit, raised as long as somebody needs it; thread-safe.

    Args:
        connection: of its own; the database's limit is `most_mb` now.
        most_mb: megabytes while somebody asks.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, most_mb: int) -> None:
        self.at_rest_mb = min(most_mb, max(LEAST_MB, most_mb // AT_REST))
        self._connection = connection
        self._most_mb = most_mb
        self._limit_mb = most_mb
        self._lock = threading.Lock()
        self._wanted: list[int] = []

    @contextlib.contextmanager
    def enough(self, times: float = 1) -> Iterator[None]:
        """The whole of it for what is done within; others may do something at the same time.

        Args:
            times: so many times the whole, `MORE` at most; never less than at rest.

        Raises:
            StoreError: the database is of no use any more.
        """
        wanted = max(self.at_rest_mb, round(self._most_mb * times))
        self._wanted.append(wanted)
        try:
            with self._lock, as_store_error("make room in"):
                self._limit(max(self._wanted))
            yield
        finally:
            with self._lock:
                self._wanted.remove(wanted)
                self._rest()

    def as_needed(self, operation: str, work: Callable[[], Outcome]) -> Outcome:
        """What work returns, done with little memory, and again with more as long as that is too little for it.

        Args:
            operation: what it is, for the error.
            work: may be done again from its start after any of DuckDB's errors.

        Raises:
            StoreError: it cannot be done.
        """
        for times in SMALLER:
            with contextlib.suppress(StoreMemoryError), self.enough(times), as_store_error(operation):
                return work()
        with self.enough(MORE), as_store_error(operation):
            return work()

    def settle(self) -> None:
        """Goes back to little, where what was in use then did not let it."""
        with self._lock:
            self._rest()

    def _rest(self) -> None:
        with contextlib.suppress(duckdb.Error):  # it is in use: the next `settle` tries again
            self._limit(max(self._wanted, default=self.at_rest_mb))

    def _limit(self, mb: int) -> None:
        if mb != self._limit_mb:
            self._connection.execute(f"SET GLOBAL memory_limit = '{mb}MB'")
            self._limit_mb = mb
