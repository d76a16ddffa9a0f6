"""`leanvibe token`: the tokens of a data directory, shown and made anew."""

from pathlib import Path

import rich_click as click

from sidecar.commands import hook_token
from sidecar.commands.client import NotRunningError, client_of
from sidecar.commands.options import data_dir_option
from sidecar.commands.stopped import on_record
from sidecar.errors import LeanvibeError
from sidecar.front import data_dir as directory
from sidecar.paths import ROTATE
from sidecar.settings import Settings, load
from sidecar.state_dir import INGEST_TOKEN_FILE

FILES = {"reading": directory.TOKEN_FILE, "ingest": INGEST_TOKEN_FILE}
only_option = click.option("--only", type=click.Choice(list(FILES)), help="Only this one (default: both).")


@click.group()
def token() -> None:
    """The token for reading events, and the one for sending them."""


@token.command()
@only_option
@data_dir_option
def rotate(only: str | None, data_dir: Path | None) -> None:
    """Make new tokens; the running sidecar takes them at once, and the old ones, cookies and open WebSockets end.

    Hooks that `leanvibe hooks install` gave the old token get the new one.

    Example: leanvibe token rotate
    """
    settings = load(data_dir=data_dir)
    wanted = [only] if only else list(FILES)
    if "ingest" in wanted and only is None and not _sends_by_token(settings):
        wanted.remove("ingest")
    running = _rotate(settings, wanted)
    click.echo(f"new: {', '.join(wanted)}" + ("" if running else " (no sidecar runs)"))
    if "reading" in wanted:
        click.echo("  the page is signed out; again: leanvibe open")
    if "ingest" in wanted:
        _renew_hooks(settings)


@token.command()
@click.option("--ingest", is_flag=True, help="The one for sending, in place of the one for reading.")
@data_dir_option
def show(ingest: bool, data_dir: Path | None) -> None:  # noqa: FBT001  a flag
    """Print a token, for programs of yours that ask the sidecar or send to it.

    Example: curl -H "Authorization: Bearer $(leanvibe token show)" http://127.0.0.1:8000/api/v1/observability/events
    """
    path = load(data_dir=data_dir).data_dir
    file = path / FILES["ingest" if ingest else "reading"]
    if not file.exists():
        raise LeanvibeError(f"{file} is not there", hint="leanvibe serve makes it, when it is needed")
    click.echo(directory.kept(file))


def _rotate(settings: Settings, wanted: list[str]) -> bool:
    """Whether a running sidecar did it; with none the files are changed here."""
    try:
        client_of(settings.data_dir, None).post(ROTATE, {"tokens": wanted})
    except NotRunningError:
        directory.prepare(settings.data_dir)
        told = {"tokens": ", ".join(wanted)}
        with directory.held(settings.data_dir), on_record(settings.data_dir, "token.rotate", told):
            for name in wanted:
                directory.renew(settings.data_dir, FILES[name])
        return False
    return True


def _sends_by_token(settings: Settings) -> bool:
    return hook_token.needed(settings) or (settings.data_dir / INGEST_TOKEN_FILE).exists()


def _renew_hooks(settings: Settings) -> None:
    for path, problem in hook_token.renewed(settings):
        click.echo(f"  {path}: " + (problem or "has the new token; sessions take it up when they start"))
    click.echo("  other senders need it too: leanvibe token show --ingest")
