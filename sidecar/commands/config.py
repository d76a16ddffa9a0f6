"""`leanvibe config`: every setting, its value and where a file is wrong."""

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import rich_click as click

from sidecar.commands.options import config_option, data_dir_option, json_option
from sidecar.commands.tables import print_table
from sidecar.errors import SettingsError
from sidecar.settings import PREFIX, Settings, complaints, load, unknown_variables
from sidecar.settings_file import defaults_toml, shown


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@config_option
@data_dir_option
@json_option
@click.option("--toml", "as_toml", is_flag=True, help="Print a settings file with every default.")
def show(config: Path | None, data_dir: Path | None, as_json: bool, as_toml: bool) -> None:  # noqa: FBT001  flags
    """List every setting with its value and what it is for. Passwords are not shown.

    Example: leanvibe config show
    """
    if as_toml:
        click.echo(defaults_toml(), nl=False)
        return
    values = shown(load(config, data_dir=data_dir))
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return
    rows = [
        [name, PREFIX + name.upper(), values[name], field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    print_table(["setting", "variable", "value", "what it is"], rows)


@config.command()
@config_option
def check(config: Path | None) -> None:
    """Check file and environment; exit code 1, with everything that is wrong.

    Also what `leanvibe serve` would start with: variables of a name that is none of ours, and sinks that could never
    be reached. No server is asked.

    Example: leanvibe config check --config leanvibe.toml
    """
    found = [*complaints(config), *unknown_variables(os.environ), *_hook_complaints(os.environ)]
    with contextlib.suppress(SettingsError):  # told above
        found += _used(load(config))
    for error in found:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)
    if found:
        sys.exit(1)
    click.echo("the settings are good")


def _used(settings: Settings) -> list[SettingsError]:
    """What is wrong with values when they are put to use."""
    from sidecar.front.redaction import policy_of
    from sidecar.worker.sinks import sink_complaints

    found = sink_complaints(settings, os.environ)
    try:
        policy_of(settings)
    except SettingsError as error:
        found.append(error)
    return found


def _hook_complaints(environment: Mapping[str, str]) -> list[SettingsError]:
    """Hooks take what they can use and disturb nobody, so this is where a wrong value is told."""
    given = environment.get("LEANVIBE_HOOK_TIMEOUT")
    try:
        good = not given or float(given) > 0
    except ValueError:
        good = False
    hint = "seconds above 0; without it, and beyond 1.5, it is 1.5"
    return [] if good else [SettingsError("environment variable LEANVIBE_HOOK_TIMEOUT is no time", hint=hint)]
