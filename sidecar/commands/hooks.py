"""`leanvibe hooks`: put the hooks into Claude Code's settings, look at them, take them out."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rich_click as click

from sidecar.commands import hook_token
from sidecar.commands.options import data_dir_option, json_option
from sidecar.commands.tables import print_table
from sidecar.commands.visible import visible
from sidecar.errors import HooksError
from sidecar.front import data_dir as directory
from sidecar.hooks import files, merge, table
from sidecar.hooks.plugin import EVENTS, hooks_json
from sidecar.hooks.proxies import trap
from sidecar.hooks.shared import may_be_shared, refuse_shared
from sidecar.paths import CLAUDE_CODE
from sidecar.settings import Settings, load
from sidecar.state_dir import noted_address, unless_default

SHARED = "project"
SCOPES = ("user", SHARED, "local")
COLUMNS = ("scope", "event", "whose", "type", "target", "timeout", "matcher")
scope_option = click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="user",
    help="Whose settings: yours (the default), the project's (shared), or yours in this project.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the change as a diff and write nothing.")


@click.group()
def hooks() -> None:
    """Let Claude Code report to the sidecar."""


@hooks.command()
@scope_option
@dry_run_option
@click.option(
    "--events",
    default="default",
    help="Events, comma-separated; `default` (the default) stands for all the usual ones.",
)
@click.option("--url", help="The sidecar's URL (default: the running one's, else the last one's).")
@data_dir_option
def install(scope: str, dry_run: bool, events: str, url: str | None, data_dir: Path | None) -> None:  # noqa: FBT001
    """Write the hooks into Claude Code's settings, beside those of others; repeatable.

    Every event gets an http hook with a timeout of 2 s, SessionStart and Setup a command. The file before is kept in
    the data directory.

    Example: leanvibe hooks install --dry-run
    """
    settings = load(data_dir=data_dir)
    base = table.base_url(_reachable(url or url_of(settings)))
    chosen = table.chosen(events)
    path = files.settings_file(scope, os.environ)
    token = hook_token.for_hooks(settings) if table.is_loopback(base) else ""
    if token:
        refuse_shared(scope, path)
    told = None if scope == SHARED else unless_default(settings.data_dir)
    entries = table.entries(base, program(scope), chosen, with_token=bool(token), data_dir=told)
    change = files.planned(path, entries, files.receipt_of(settings.data_dir, path), token)
    already = f"{path} holds these hooks already: nothing to do"
    if dry_run:
        click.echo(visible(_without(token, change.diff())) or already, nl=not change)
        return
    if change:
        _install(settings, change, base, chosen, token)
        click.echo(f"  running sessions take it up by themselves; undo with {_command('uninstall', scope, settings)}")
    else:
        click.echo(already)
    _note_what_is_left_to_do(settings, scope, path, has_token=bool(token))
    _note_proxy(base, files.decoded(path))


def _note_what_is_left_to_do(settings: Settings, scope: str, path: Path, *, has_token: bool) -> None:
    if has_token and may_be_shared(path):
        click.echo(f"  note: git does not ignore {path}, which holds the ingest token now: add it to .gitignore")
    if scope == SHARED and unless_default(settings.data_dir):
        given = f"LEANVIBE_DATA_DIR={table.quoted(str(settings.data_dir))}"
        click.echo(f"  note: shared settings name no path of this machine: set {given} for the agent")


def _command(verb: str, scope: str, settings: Settings) -> str:
    """What to type for the same settings file and data directory."""
    where = "" if scope == SCOPES[0] else f" --scope {scope}"
    return f"leanvibe hooks {verb}{where}{table.dir_option(unless_default(settings.data_dir))}"


def _without(token: str, text: str) -> str:
    return text.replace(token, "…") if token else text


def _install(settings: Settings, change: files.Change, base: str, chosen: dict[str, str | None], token: str) -> None:
    known = files.receipt_of(settings.data_dir, change.path)
    before = files.undone(change.path, change.before, known)
    mode = known.mode if known and known.token else files.mode_of(change.path)
    written = files.digest(change.after or "")
    made = known.made_folder if known else not change.path.parent.exists()
    receipt = files.Receipt(
        str(change.path.absolute()), base, chosen, written, before, bool(token), mode if token else None, made
    )
    directory.prepare(settings.data_dir)
    files.write(change, hook_token.PRIVATE if token else None)
    backup = files.keep(settings.data_dir, change, receipt)
    click.echo(f"{change.path}: {len(chosen)} events go to {base}{CLAUDE_CODE}")
    click.echo(f"  the file as it was: {backup}" if backup else "  there was no such file before")


@hooks.command()
@scope_option
@dry_run_option
@data_dir_option
def uninstall(scope: str, dry_run: bool, data_dir: Path | None) -> None:  # noqa: FBT001  a flag
    """Take out exactly the hooks that are ours, also after you edited the file.

    Example: leanvibe hooks uninstall --scope project
    """
    settings = load(data_dir=data_dir)
    path = files.settings_file(scope, os.environ)
    text = files.read(path)
    receipt = files.receipt_of(settings.data_dir, path)
    change = files.Change(path, text, files.undone(path, text, receipt))
    if dry_run:
        click.echo(visible(_without(merge.token_in(files.decoded(path)) or "", change.diff())), nl=False)
        return
    if change:
        files.write(change, receipt.mode if receipt else None)
    if change.after is None and receipt and receipt.made_folder:
        files.remove_folder(path)
    files.forget(settings.data_dir, path)
    click.echo(f"{path}: " + ("our hooks are gone" if change else "holds no hook of ours"))


@hooks.command()
@data_dir_option
@json_option
def status(data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  a flag
    """List every hook that is registered, by us and by others; say so when ours bring no token, or a stale one.

    Example: leanvibe hooks status
    """
    settings = load(data_dir=data_dir)
    rows = [row for scope in SCOPES for row in _rows(scope)]
    if as_json:
        click.echo(json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows], indent=2))
    elif rows:
        print_table(COLUMNS, rows)
    else:
        click.echo(f"no hooks are registered; {_command('install', SCOPES[0], settings)} registers ours")
    for scope, line in hook_token.complaints(settings):
        click.echo(f"{line}; {_command('install', scope, settings)} writes it", err=True)


def _rows(scope: str) -> list[list[Any]]:
    found = merge.places(files.decoded(files.settings_file(scope, os.environ)))
    return [[scope, place.event, *_shown(place.handler), place.matcher] for place in found]


def _shown(handler: Mapping[str, Any]) -> list[Any]:
    target = handler.get("url") or handler.get("command") or handler.get("prompt")
    return ["ours" if merge.is_ours(handler) else "other", handler.get("type"), target, handler.get("timeout")]


def url_of(settings: Settings) -> str:
    """Where the sidecar of these settings is: as the running one says, else as configured, else as the last one."""
    facts = directory.running(settings.data_dir)
    if facts is None and settings.model_fields_set.isdisjoint({"host", "port"}):
        facts = noted_address(settings.data_dir)
    return str(facts["url"]) if facts and "url" in facts else f"http://{settings.host}:{settings.port or 8000}"


def _reachable(url: str) -> str:
    if url.startswith("unix:"):
        raise HooksError(
            "http hooks reach no Unix socket", hint="serve TCP as well, or use the command leanvibe hook"
        )
    return url


def program(scope: str) -> str:
    """How a shell calls `leanvibe`: by its path, but by name in settings that a project shares."""
    return "leanvibe" if scope == SHARED else table.quoted(own_program())


def own_program() -> str:
    """The path of the command that runs now, else of the one on the PATH, else its name."""
    own = Path(sys.argv[0])
    found = str(own.absolute()) if own.stem == "leanvibe" and own.exists() else shutil.which("leanvibe")
    return found or "leanvibe"


def _note_proxy(base: str, settings: Any) -> None:
    given = settings.get("env", {})
    environment = (
        {**os.environ, **{str(k): str(v) for k, v in given.items()}} if isinstance(given, dict) else os.environ
    )
    variable = trap(environment, urlsplit(base).hostname or "")
    if variable:
        click.echo(
            f"  note: {variable} is set, and Claude Code would send the hooks to that proxy:\n"
            '  add 127.0.0.1 to NO_PROXY (in the shell, or as "env" in these settings)'
        )


@hooks.command("print")
@click.option("--events", default=EVENTS, help="Events, comma-separated (default: the usual ones, as in the plugin).")
@click.option("--url", default=table.DEFAULT_URL, help=f"The sidecar's URL (default: {table.DEFAULT_URL}).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="The sidecar's, if it is not the agent's default.")
def print_hooks(events: str, url: str, data_dir: Path | None) -> None:
    """Print the hooks as JSON, for settings that something else manages, and for the plugin.

    Example: leanvibe hooks print > claude_hooks/plugin/hooks/hooks.json
    """
    click.echo(hooks_json(events, table.base_url(url), data_dir and data_dir.absolute()), nl=False)
