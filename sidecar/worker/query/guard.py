"""What a user's statement may be: exactly one SELECT that calls nothing with an effect.

DuckDB itself holds the rest: the statement runs in a read-only transaction, external access is off and the
configuration is locked. The type of the statement alone is not enough: `WITH t AS (DELETE … RETURNING *) SELECT`
is a SELECT by type.
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec

from sidecar.errors import QueryFailedError, QueryRefusedError

MAX_QUERY_CHARS = 100_000
MAX_SAID = 500
"""Characters of what DuckDB says."""
TABLES = ("events", "sessions", "turns", "tool_calls", "tool_stats", "errors", "redaction_stats", "spans", "audit")
"""The tables and views that are for people."""
_MISSING_TABLE = re.compile(r"Table with name (\S+) does not exist")
_MISSING_COLUMN = re.compile(r'Referenced column "([A-Za-z_.]{1,60})" not found')

TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row", "summary", "histogram"}
    | {"histogram_values", "pg_timezone_names", "duckdb_columns", "duckdb_functions", "duckdb_tables"}
    | {"duckdb_types", "duckdb_views", "duckdb_keywords", "duckdb_schemas"}
)
"""Table functions that read nothing but their arguments and the catalog. Every other one is refused."""

SCALAR_REFUSED = frozenset(
    {
        "getenv",
        "nextval",
        "setval",
        "currval",
        "setseed",
        "sleep_ms",
        "pg_sleep",
        "write_log",
        "checkpoint",
        "force_checkpoint",
    }
    | {"query", "query_table", "json_execute_serialized_sql", "getvariable", "current_query", "current_setting"}
)
"""Functions that change something, wait, run text as SQL, or tell of settings, which name files."""

VIEWS_REFUSED = frozenset(
    {"duckdb_databases", "duckdb_logs", "duckdb_settings", "duckdb_secrets", "duckdb_temporary_files"}
    | {"pragma_database_list", "pragma_platform", "pg_settings", "pg_database"}
)
"""DuckDB's own views that tell where files are, how it is set, or what others ask."""


def checked(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The query as DuckDB has parsed it, when it may run.

    Raises:
        QueryRefusedError: not one SELECT, or it calls something that is not allowed; says which.
        QueryFailedError: not SQL.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise QueryRefusedError(f"the query is longer than {MAX_QUERY_CHARS} characters")
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise failure_of(error) from None
    if len(statements) != 1:
        raise QueryRefusedError(f"{len(statements)} statements in one query", hint="send one SELECT at a time")
    if statements[0].type is not duckdb.StatementType.SELECT:
        name = statements[0].type.name
        raise QueryRefusedError(f"{name} is not allowed", hint="only SELECT: the store is read-only here")
    parsed = tree(connection, query)
    called = next((name for name in _refused_calls(parsed)), None)
    if called is not None:
        raise QueryRefusedError(f"{called} is not allowed here", hint="query events and its views")
    return parsed


def failure_of(error: duckdb.Error) -> QueryFailedError:
    """DuckDB's message without the drawing of the statement below it; the hint has the name that was meant."""
    message, _, rest = str(error).partition("\n")
    said = rest.partition("\n")[0]
    if missing := _MISSING_TABLE.search(message):
        near = difflib.get_close_matches(missing[1].lower(), TABLES, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        return QueryFailedError(message[:MAX_SAID], hint=f"{meant}there are {', '.join(TABLES)}")
    is_help = said.startswith(("Did you mean", "Candidate bindings"))
    inside = _inside(message)
    return QueryFailedError(message[:MAX_SAID], hint=f"{said[:MAX_SAID]}{inside}" if is_help else "")


def _inside(message: str) -> str:
    """What a name may be that is no column: most of what agents tell is a field of a payload."""
    missing = _MISSING_COLUMN.search(message)
    if not missing or "." in missing[1]:
        return ""
    return f". A field may be inside: parameters->>'{missing[1]}' of tool_calls, payload->>'{missing[1]}' of events"


def tree(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The parsed statements as DuckDB serialises them.

    Raises:
        QueryRefusedError: DuckDB cannot show what is in it.
    """
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
    try:
        parsed = msgspec.json.decode(row[0]) if row else {"error": True}
    except RecursionError:
        parsed = {"error": True}
    if parsed["error"]:
        raise QueryRefusedError("this kind of SELECT cannot be checked", hint="write it as a plain SELECT")
    return parsed["statements"]


def _refused_calls(parsed: Any) -> Iterator[str]:
    """Names of what a statement calls or reads that is not allowed, in no particular order."""
    nodes = [parsed]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if node.get("type") == "TABLE_FUNCTION" and (name := _name(node.get("function"))) not in TABLE_FUNCTIONS:
                yield name
            if node.get("type") == "BASE_TABLE" and (name := str(node.get("table_name")).lower()) in VIEWS_REFUSED:
                yield name
            if node.get("class") == "FUNCTION" and (name := _name(node)) in SCALAR_REFUSED:
                yield name
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)


def _name(function: Any) -> str:
    return str(function["function_name"]).lower() if isinstance(function, dict) else "?"
