"""Ways to execute a checked SELECT, each giving the names of its columns; the rows are then the cursor's."""

from functools import partial
from typing import Any

import duckdb
import msgspec

from sidecar.worker.query.guard import checked, tree
from sidecar.worker.query.narrow import WRITTEN_OUT, narrowed
from sidecar.worker.query.slices import Sliced, of_slice, sliced

BEGIN = "BEGIN TRANSACTION READ ONLY"
_PURE = """
SELECT function_name FROM duckdb_functions() GROUP BY ALL
HAVING bool_and(function_type = 'scalar' AND stability = 'CONSISTENT')
"""
_encoder = msgspec.json.Encoder()


def at_once(cursor: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """Runs it, in a way that reads less where there is one; what is wrong with it is told of the query as it came.

    Raises:
        QueryRefusedError, QueryFailedError: as `checked`.
        duckdb.Error: as DuckDB says.
    """
    parsed = checked(cursor, query)
    for text in filter(None, (_narrowed(cursor, parsed), query)):
        cursor.execute(BEGIN)
        try:
            cursor.execute(text)
            break
        except (duckdb.OutOfMemoryException, duckdb.InterruptException):
            raise
        except duckdb.Error:
            if text is query:
                raise
            cursor.execute("ROLLBACK")
    return [column[0] for column in cursor.description or ()]


def in_slices(cursor: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """The same in less memory, for a query that has run out of it.

    Raises:
        QueryRefusedError, QueryFailedError: as `checked`.
        duckdb.OutOfMemoryException: it needs more all the same, or cannot be taken apart.
        duckdb.InterruptException: it was interrupted.
    """
    parsed = checked(cursor, query)
    taken = sliced(parsed, _pure(cursor), partial(tree, cursor))
    if taken is None:
        raise duckdb.OutOfMemoryException("not to be taken apart")
    rest, made = taken
    cursor.execute(BEGIN)
    try:
        columns = [row[0] for row in cursor.execute(f"DESCRIBE {_text(cursor, parsed)}").fetchall()]
        for one in made:
            _fill(cursor, one)
        cursor.execute(_text(cursor, rest))
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:  # it was taken apart where it may not be
        raise duckdb.OutOfMemoryException("not to be taken apart") from error
    return columns


def _fill(cursor: duckdb.DuckDBPyConnection, one: Sliced) -> None:
    """Makes the temporary table; it lives in memory and goes with the cursor."""
    parse = partial(tree, cursor)
    slices = cursor.execute(_text(cursor, one.bounds)).fetchall() or [(1, 0)]
    for number, (first, last) in enumerate(slices):
        statements = of_slice(one, first, last, parse)
        rows = _narrowed(cursor, statements) or _text(cursor, statements)
        into = f"INSERT INTO {one.table}" if number else f"CREATE TEMP TABLE {one.table} AS"
        cursor.execute(f"{into} {rows}")


def _pure(cursor: duckdb.DuckDBPyConnection) -> frozenset[str]:
    return frozenset(name for (name,) in cursor.execute(_PURE).fetchall())


def _narrowed(cursor: duckdb.DuckDBPyConnection, parsed: Any) -> str | None:
    changed = narrowed(parsed, lambda: tree(cursor, WRITTEN_OUT))
    if changed is None:
        return None
    try:
        return _text(cursor, changed)
    except duckdb.Error:  # it was read by DuckDB's own word of it, which it may not take back
        return None


def _text(cursor: duckdb.DuckDBPyConnection, statements: Any) -> str:
    """SQL of serialised statements."""
    made = _encoder.encode({"error": False, "statements": statements}).decode()
    ((text,),) = cursor.execute("SELECT json_deserialize_sql(?::JSON)", [made]).fetchall()
    return str(text)
