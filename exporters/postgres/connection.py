"""A connection to PostgreSQL whose every wait has an end."""

import contextlib
import time
from collections.abc import Generator, Iterator
from typing import Any, Self

import psycopg
from psycopg.abc import RV, PQGen

GRACE = 2.0
"""Seconds after the statement timeout in which a server that is alive has said so."""


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Gives up when the server says nothing, where libpq would wait for ever.

    A server ends its own statements (`statement_timeout`); one that is frozen, or behind a network that
    swallows packets, does not.
    """

    patience = float("inf")

    @classmethod
    def reach(cls, dsn: str, *, connect_timeout: float, statement_timeout: float, autocommit: bool) -> Self:
        """Connects, with both timeouts in seconds.

        Raises:
            psycopg.Error: no PostgreSQL lets us in there, or the DSN is none.
        """
        try:
            connection = cls.connect(
                dsn,
                autocommit=autocommit,
                prepare_threshold=None,  # a pooler between us and the server may not know them
                connect_timeout=max(2, round(connect_timeout)),  # libpq knows no less
                fallback_application_name="leanvibe-sidecar",
                client_encoding="UTF8",  # what we send, whatever environment, user or database prefer
            )
        except UnicodeError:  # of a host that can be no name, from Python's resolver
            raise psycopg.ProgrammingError("invalid host") from None
        connection.patience = statement_timeout + GRACE
        milliseconds = str(round(statement_timeout * 1000))
        with connection.closed_on_error():
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])
            connection.commit()
        return connection

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Ends the connection if what is done with it fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Waits for an answer.

        Raises:
            psycopg.OperationalError: there was none in time; the connection is of no use any more.
        """
        return super().wait(_until(time.monotonic() + self.patience, gen), interval, timeout)


def _until(deadline: float, gen: PQGen[RV]) -> Generator[Any, Any, RV]:
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if time.monotonic() > deadline:
                raise psycopg.OperationalError("no answer in time")
            wanted = gen.send(ready)
    except StopIteration as done:
        result: RV = done.value
        return result
