"""`leanvibe reconcile`: the agent's own transcript against what was stored."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import rich_click as click

from sidecar.commands.options import data_dir_option, json_option, url_option
from sidecar.commands.sql import ask
from sidecar.commands.tables import print_table
from sidecar.errors import LeanvibeError
from sidecar.hooks import files
from sidecar.hooks.transcripts import is_session_id, tool_calls, transcripts

CALLS = """
SELECT id, any_value(name) AS name FROM (
    SELECT tool_use_id AS id, tool_name AS name FROM events
    WHERE session_id = '{session}' AND tool_use_id IS NOT NULL
    UNION ALL
    SELECT call ->> 'tool_use_id', call ->> 'tool_name' FROM (
        SELECT unnest(CAST(payload -> 'tool_calls' AS JSON[])) AS call FROM events
        WHERE session_id = '{session}' AND hook_event_name = 'PostToolBatch'
    )
) WHERE id > '{after}' GROUP BY id ORDER BY id
"""
"""Batches too: a call that failed before it began, or was denied, shows only there."""


@click.command()
@click.argument("session")
@data_dir_option
@url_option
@json_option
def reconcile(session: str, data_dir: Path | None, url: str | None, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Say which tool calls of SESSION its transcript holds that the sidecar does not, and the other way round.

    Exit code 1 when a call of the transcript is missing.

    Example: leanvibe reconcile b07e74c1-5f70-4c61-96d2-3a840de00caf
    """
    report = compared(theirs(session), ours(session, data_dir, url))
    if as_json:
        click.echo(json.dumps({"session_id": session, **report}, indent=2))
    else:
        _show(report)
    if report["missing"]:
        sys.exit(1)


def theirs(session: str) -> dict[str, str]:
    """Id → tool of the calls in the session's transcripts.

    Raises:
        LeanvibeError: there is no transcript of that session.
    """
    folder = files.settings_file("user", os.environ).parent
    found = transcripts(folder, session) if is_session_id(session) else []
    if not found:
        raise LeanvibeError(
            f"Claude Code has no transcript of session {session!r} in {folder / 'projects'}",
            hint='leanvibe sql "SELECT session_id, cwd FROM sessions" lists sessions; CLAUDE_CONFIG_DIR says where '
            "Claude Code keeps its files elsewhere; it deletes old transcripts",
        )
    calls: dict[str, str] = {}
    for path in found:
        with path.open(encoding="utf-8", errors="replace") as lines:
            calls.update(tool_calls(lines))
    return calls


def ours(session: str, data_dir: Path | None, url: str | None) -> dict[str, str]:
    """Id → tool of the calls that are stored, however many rows an answer may have."""
    calls: dict[str, str] = {}
    after, is_more = "", True
    while is_more:
        answer = ask(CALLS.format(session=session, after=after.replace("'", "''")), data_dir, url)
        calls.update(answer["rows"])
        is_more = answer["truncated"]
        after = answer["rows"][-1][0] if is_more else after
    return calls


def compared(theirs: dict[str, str], ours: dict[str, str]) -> dict[str, Any]:
    """How many calls both hold, and those that only one does. Pure."""
    return {
        "both": len(theirs.keys() & ours.keys()),
        "missing": {call: name for call, name in theirs.items() if call not in ours},
        "extra": {call: name for call, name in ours.items() if call not in theirs},
    }


def _show(report: dict[str, Any]) -> None:
    click.echo(f"{report['both']} tool calls are in the transcript and stored")
    rows = [["only in the transcript", name, call] for call, name in report["missing"].items()]
    rows += [["only stored", name, call] for call, name in report["extra"].items()]
    if rows:
        print_table(["where", "tool", "call"], rows)
