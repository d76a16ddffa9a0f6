"""`leanvibe config`: every setting, its value and where a file is wrong."""

import json
from pathlib import Path

import rich_click as click

from sidecar.commands.options import config_option, data_dir_option, json_option
from sidecar.commands.tables import print_table
from sidecar.settings import PREFIX, Settings, load
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
    """Check file and environment; exit code 1 with the key that is wrong.

    Example: leanvibe config check --config leanvibe.toml
    """
    settings = load(config)
    from sidecar.front.redaction import policy_of

    policy_of(settings)
    click.echo("the settings are good")
