"""Daily partitions: made before their rows come, dropped when all of their rows are old.

Both are functions in the database (see migration 0002), so that a hundred sidecars on one database agree. A row
without a partition of its day goes into the default one: neither failure keeps an event from its table.
"""

import time
from collections.abc import Callable, Sequence

import psycopg

from exporters.postgres.connection import BoundedConnection
from sidecar.events import HookEvent

DAY_MICROS = 86_400_000_000
MOST_DAYS = 40
"""Days of one batch that are asked for; a batch with more is of no clock that is right."""
MAKE_AGAIN_SECONDS = 60.0
DROP_SECONDS = 3600.0
NO_RIGHT = "42501"

MAKE = "SELECT leanvibe_make_partition(date '1970-01-01' + day) FROM unnest(%s::int[]) AS day"
DROP = "SELECT leanvibe_drop_older_than(%s)"
WITHIN = 1_000_000
"""Days around 1970 that PostgreSQL has dates for, and far beyond any that gets a partition."""


class Partitions:
    """What this exporter knows of the table's days.

    Args:
        retention_days: whole days that are kept, today not counted; 0 keeps all.
        clock: seconds, rising.
    """

    def __init__(self, retention_days: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._retention_days = retention_days
        self._clock = clock
        self._settled: set[int] = set()
        self._make_again_at = self._drop_at = float("-inf")
        self._trouble = {"partitions": "", "retention": ""}

    @property
    def notice(self) -> str:
        """What an operator should know and may put right, in one line; empty when all is well."""
        return "; ".join(text for text in self._trouble.values() if text)

    def make(self, connection: BoundedConnection, batch: Sequence[HookEvent]) -> None:
        """Makes the partitions of the batch's days, and of the day after today.

        Raises:
            psycopg.Error: the connection broke.
        """
        today = int(time.time() // 86400)
        days = {event.received_at // DAY_MICROS for event in batch} | {today, today + 1}
        missing = sorted(day for day in days - self._settled if abs(day) < WITHIN)[-MOST_DAYS:]
        if not missing or self._clock() < self._make_again_at:
            return
        hint = "GRANT EXECUTE ON FUNCTION leanvibe_make_partition TO its user"
        if self._ask(connection, MAKE, missing, "partitions", hint) is None:
            self._make_again_at = self._clock() + MAKE_AGAIN_SECONDS
        else:
            self._settled = {*missing, *(self._settled & days)}

    def drop_old(self, connection: BoundedConnection) -> None:
        """Now and then, drops a partition that is older than the retention.

        Raises:
            psycopg.Error: the connection broke.
        """
        if not self._retention_days or self._clock() < self._drop_at:
            return
        hint = "let the owner's sidecar drop them, or set LEANVIBE_POSTGRES_RETENTION_DAYS=0 here"
        dropped = self._ask(connection, DROP, self._retention_days, "retention", hint)
        if not dropped:  # there may be more of them: one with each batch
            self._drop_at = self._clock() + DROP_SECONDS

    def _ask(self, connection: BoundedConnection, query: str, value: object, what: str, hint: str) -> bool | None:
        """The function's answer; None when PostgreSQL refuses, which is kept as the notice."""
        try:
            row = connection.execute(query, [value]).fetchone()
        except psycopg.Error as error:
            if error.sqlstate is None or connection.broken or connection.closed:
                raise
            said = " ".join((error.diag.message_primary or type(error).__name__).split())
            self._trouble[what] = f"{what}: {said}" + (f" ({hint})" if error.sqlstate == NO_RIGHT else "")
            return None
        self._trouble[what] = ""
        return bool(row and row[0])
