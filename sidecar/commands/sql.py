"""`leanvibe sql`: one read-only SELECT over the store."""

import csv
import io
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import rich_click as click

from sidecar.commands.client import NotRunningError, client_of
from sidecar.commands.options import data_dir_option, json_option, url_option
from sidecar.commands.stopped import settings_of, store_of
from sidecar.commands.tables import print_data, print_table
from sidecar.paths import API
from sidecar.settings import Settings


@click.command()
@click.argument("query")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    help="How to print (default: table).",
)
@json_option
@data_dir_option
@url_option
def sql(query: str, form: str, as_json: bool, data_dir: Path | None, url: str | None) -> None:  # noqa: FBT001  a flag
    """Ask the store with SQL (DuckDB's dialect, read-only).

    Tables: events, sessions, turns, tool_calls, tool_stats, errors, redaction_stats, spans, audit; DESCRIBE
    tool_calls tells the columns of one. QUERY may be -, for standard input. The running sidecar answers; when none
    runs, its files are opened.

    Example: leanvibe sql "SELECT tool_name, calls, p95_ms FROM tool_stats ORDER BY calls DESC"
    """
    if query == "-":
        query = sys.stdin.buffer.read().decode(errors="replace")
    answer = ask(query, data_dir, url)
    {"table": print_answer, "json": _print_json, "csv": _print_csv}["json" if as_json else form](answer)
    if answer.get("behind"):
        click.echo(f"the store is {answer['behind']} events behind: ask again for those", err=True)
    if answer["truncated"]:
        click.echo(f"truncated: only the first {answer['row_count']} rows are shown", err=True)


def ask(query: str, data_dir: Path | None, url: str | None) -> dict[str, Any]:
    """The answer of the running sidecar, else of the files in the data directory.

    Raises:
        LeanvibeError: the query was refused or failed, or there is nothing to ask.
    """
    try:
        answer: dict[str, Any] = client_of(data_dir, url).post(f"{API}/sql", {"query": query})
    except NotRunningError as error:
        return _ask_files(query, settings_of(data_dir, url, error))
    return answer


def _ask_files(query: str, settings: Settings) -> dict[str, Any]:
    """Opens the store of a stopped sidecar, takes over what its journal still holds, and asks."""
    import msgspec

    from sidecar.front.redaction import redactor_of
    from sidecar.worker.query.sql import answer
    from sidecar.worker.store.audit import AuditTable

    def asked() -> dict[str, Any]:
        return {"query": redactor_of(settings).redact_text(query)}

    with store_of(settings, "sql", asked) as store:
        AuditTable(store).before(query)
        found = answer(store, query, seconds=settings.sql_timeout_seconds, max_rows=settings.sql_max_rows)
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built


def print_answer(answer: dict[str, Any]) -> None:
    """The rows as a table."""
    print_table(answer["columns"], answer["rows"])


def _print_json(answer: dict[str, Any]) -> None:
    names = _told_apart(answer["columns"])
    rows = [dict(zip(names, row, strict=True)) for row in answer["rows"]]
    print_data(json.dumps(rows, indent=2, ensure_ascii=False))


def _print_csv(answer: dict[str, Any]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer["columns"])
    writer.writerows([_cell(value) for value in row] for row in answer["rows"])
    print_data(text.getvalue(), nl=False)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value


def _told_apart(columns: list[str]) -> list[str]:
    """Columns of one name as DuckDB calls those of a subquery: an object would keep the last of them only."""
    names: list[str] = []
    for column in columns:
        free = (f"{column}_{number}" if number else column for number in itertools.count())
        names.append(next(name for name in free if name not in names and (name == column or name not in columns)))
    return names
