"""Inserts events into the table `leanvibe_events`, a statement per portion of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporters import Outcome, Rejection
from exporters.portions import portions
from sidecar.events import HookEvent

if TYPE_CHECKING:
    from exporters.postgres.connection import BoundedConnection
    from exporters.postgres.partitions import Partitions

PORTION_BYTES = 2 << 20
"""Bytes of payloads in one statement, which exists about four times while it is sent."""


@dataclass(frozen=True, slots=True)
class PostgresConfig:
    """Where rows go.

    Args:
        dsn: `postgresql://user:password@host:port/database` or `key=value` pairs, as libpq reads them.
        connect_timeout: seconds; at least 2.
        statement_timeout: seconds that one statement may take.
        retention_days: whole days of rows that the table keeps, for all who write to it; 0 keeps all.
    """

    dsn: str
    connect_timeout: float = 5.0
    statement_timeout: float = 30.0
    retention_days: int = 0


class PostgresExporter:
    """One row per event; a batch sent twice changes nothing.

    What an operator can put right, a wrong DSN, table or right included, is a `TransientExportError`.
    """

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._connection: BoundedConnection | None = None
        self._partitions: Partitions | None = None

    def start(self) -> None:
        """Connects anew, and creates the table in a database that has none.

        Raises:
            TransientExportError: no PostgreSQL lets us in there, or the table is of another version.
        """
        from exporters.postgres.partitions import Partitions

        self.close()
        self._connection = self._connect()
        self._partitions = Partitions(self._config.retention_days)

    def export(self, batch: Sequence[HookEvent]) -> Outcome:
        """Inserts the events and returns when they are committed.

        Rejected are events that PostgreSQL refuses for what they hold: an id too long for its index, a time
        or a number out of range, a constraint that somebody added.

        Raises:
            TransientExportError: PostgreSQL is away, too slow, full, read-only or lacks table or right.
        """
        import psycopg

        from exporters.postgres.answers import trouble

        if self._connection is None:
            self.start()
        try:
            return self._deliver(batch)
        except psycopg.Error as error:
            self.close()  # whatever it was, the next attempt deserves a fresh connection
            raise trouble(error, self._config.dsn) from None  # the cause may show the password

    def close(self) -> None:
        """Ends the connection; the next `export` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> "BoundedConnection":
        import psycopg

        from exporters.postgres import schema
        from exporters.postgres.answers import trouble
        from exporters.postgres.connection import BoundedConnection

        config = self._config
        timeouts = {"connect_timeout": config.connect_timeout, "statement_timeout": config.statement_timeout}
        try:
            connection = BoundedConnection.reach(config.dsn, autocommit=True, **timeouts)
            with connection.closed_on_error():
                schema.prepare(connection, config.dsn)
        except psycopg.Error as error:
            raise trouble(error, config.dsn) from None
        return connection

    def _deliver(self, batch: Sequence[HookEvent]) -> Outcome:
        assert self._connection and self._partitions  # noqa: S101, PT018 - export() connects first
        self._partitions.make(self._connection, batch)
        rejected = self._write(batch)
        self._partitions.drop_old(self._connection)
        return Outcome(tuple(rejected), notice=self._partitions.notice)

    def _write(self, batch: Sequence[HookEvent]) -> list[Rejection]:
        from exporters.postgres.rows import write

        assert self._connection is not None  # noqa: S101 - export() connects first
        sizes = [memoryview(event.payload).nbytes for event in batch]
        rejected: list[Rejection] = []
        for portion in portions(sizes, PORTION_BYTES):
            rejected += write(self._connection, batch[portion], portion.start)
        return rejected
