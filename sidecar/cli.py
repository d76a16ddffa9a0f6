"""The command line: names the commands and turns our errors into one line and an exit code."""

import importlib
import io
import sys

import rich_click as click

from sidecar import __version__
from sidecar.commands.visible import visible
from sidecar.errors import LeanvibeError

COMMANDS = {
    "serve": "sidecar.commands.serve",
    "demo": "sidecar.commands.demo",
    "open": "sidecar.commands.open",
    "token": "sidecar.commands.token",
    "audit": "sidecar.commands.audit",
    "tail": "sidecar.commands.tail",
    "sql": "sidecar.commands.sql",
    "status": "sidecar.commands.status",
    "doctor": "sidecar.commands.doctor",
    "reconcile": "sidecar.commands.reconcile",
    "service": "sidecar.commands.service",
    "redact": "sidecar.commands.redact",
    "hook": "sidecar.commands.hook",
    "hooks": "sidecar.commands.hooks",
    "replay": "sidecar.commands.replay",
    "export": "sidecar.commands.export",
    "config": "sidecar.commands.config",
    "db": "sidecar.commands.db",
}
"""Command → module that holds it under the same name; imported only when it is called."""


class LazyGroup(click.RichGroup):
    """Loads a command's module when it is asked for, so that `--help` and small commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """All commands, in the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        module = COMMANDS.get(cmd_name)
        command: click.Command | None = getattr(importlib.import_module(module), cmd_name) if module else None
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leanvibe")
def leanvibe() -> None:
    """See what coding agents do, safely."""


def main() -> None:
    """The console command; our errors become one line on stderr and exit code 1."""
    _say_anything()
    try:
        leanvibe(standalone_mode=True)
    except LeanvibeError as error:
        click.echo(visible(f"error: {error.message}"), err=True)  # it may quote what was read
        if error.hint:
            click.echo(visible(f"  {error.hint}"), err=True)
        sys.exit(1)


def _say_anything() -> None:
    """What the terminal's encoding has no character for is escaped, and ends no command."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
