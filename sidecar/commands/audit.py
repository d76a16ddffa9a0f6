"""`leanvibe audit`: who read or changed what, and whether the trail is as it was written."""

import json
import re
import sys
from collections import deque
from pathlib import Path
from typing import Any

import rich_click as click

from sidecar.audit.trail import FILE_NAME, AuditTrail
from sidecar.commands.options import data_dir_option, json_option
from sidecar.commands.tables import plain, print_table
from sidecar.errors import AuditError
from sidecar.settings import load

COLUMNS = ["seq", "at", "action", "actor", "origin", "detail"]
RECORD_ID = re.compile(r"[1-9][0-9]*:[0-9a-f]{64}")
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), default=50, help="How many of the last records to list (default: 50)."
)


@click.group(invoke_without_command=True)
@limit_option
@data_dir_option
@json_option
@click.pass_context
def audit(context: click.Context, limit: int, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  a flag
    """List who read or changed what, the latest last.

    Example: leanvibe audit --limit 20
    """
    if context.invoked_subcommand:
        return
    try:
        found = deque(_trail(data_dir).records(), limit)
    except OSError as error:
        raise _unreadable(error) from None
    if as_json:
        click.echo(json.dumps(list(found), indent=2))
    else:
        print_table(COLUMNS, [[_shown(record.get(name, "")) for name in COLUMNS] for record in found])


@audit.command()
@click.option(
    "--expect", default="", help="SEQ:HASH of a record that you noted elsewhere: it must still be there, unchanged."
)
@data_dir_option
@json_option
def verify(expect: str, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Follow the chain from its first record to its last; exit code 1, with the first line that is wrong.

    The head that it prints is worth noting elsewhere: who can write the files can write another chain, but not one
    that holds it.

    Example: leanvibe audit verify --expect 12:9f86d0…
    """
    if expect and not RECORD_ID.fullmatch(expect):
        raise click.BadParameter(
            "it is not SEQ:HASH, such as the head that this command prints", param_hint="--expect"
        )
    try:
        verdict = _trail(data_dir).verify(expect)
    except OSError as error:
        raise _unreadable(error) from None
    if as_json:
        facts = {"ok": verdict.broken is None, "records": verdict.records, "head": str(verdict.head)}
        click.echo(json.dumps({**facts, "broken": verdict.broken, "notes": verdict.notes}, indent=2))
    else:
        for note in verdict.notes:
            click.echo(f"note: {note}")
        in_order = "1 record is" if verdict.records == 1 else f"{verdict.records} records are"
        click.echo(verdict.broken or f"{in_order} in order; head {verdict.head}")
    if verdict.broken:
        sys.exit(1)


def _trail(data_dir: Path | None) -> AuditTrail:
    folder = load(data_dir=data_dir).data_dir
    if not (folder / FILE_NAME).exists() and not any(folder.glob("audit*")):
        raise AuditError(f"there is no audit trail in {folder}", hint="the first leanvibe serve begins one")
    return AuditTrail(folder)


def _unreadable(error: OSError) -> AuditError:
    return AuditError(f"the audit trail cannot be read: {error.strerror or error}")


def _shown(value: Any) -> str:
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
