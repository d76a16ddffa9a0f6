"""Writing to DuckDB on one connection: all or nothing, many rows at once."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of a block's changes, or none."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def append(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows, inside the caller's transaction; after an error none of them lingers."""
    appender = connection.appender(table)
    try:
        appender.append_rows(list(rows))
        appender.flush()
    except duckdb.Error:
        appender.clear()  # the transaction is rolled back: nothing of the batch may linger
        raise
