"""How much memory DuckDB may use: little while it only loads, all that the setting gives while somebody asks."""

import contextlib
import threading
from collections.abc import Iterator

import duckdb

from sidecar.worker.store.trouble import as_store_error

AT_REST = 5
"""At rest one part in so many of the most: loading and checkpoints need no more, and DuckDB fills what it may use."""
LEAST_MB = 24


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
        self._users = 0

    @contextlib.contextmanager
    def enough(self) -> Iterator[None]:
        """The whole of it for what is done within; others may do something at the same time.

        Raises:
            StoreError: the database is of no use any more.
        """
        try:
            with self._lock:
                self._users += 1
                with as_store_error("make room in"):
                    self._limit(self._most_mb)
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._rest()

    def settle(self) -> None:
        """Goes back to little, where what was in use then did not let it."""
        with self._lock:
            self._rest()

    def _rest(self) -> None:
        if not self._users:
            with contextlib.suppress(duckdb.Error):  # it is in use: the next `settle` tries again
                self._limit(self.at_rest_mb)

    def _limit(self, mb: int) -> None:
        if mb != self._limit_mb:
            self._connection.execute(f"SET GLOBAL memory_limit = '{mb}MB'")
            self._limit_mb = mb
