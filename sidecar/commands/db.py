"""`leanvibe db`: the PostgreSQL tables."""

from pathlib import Path

import rich_click as click

from sidecar.commands.options import config_option
from sidecar.errors import LeanvibeError, SettingsError
from sidecar.settings import load


@click.group()
def db() -> None:
    """Look after the PostgreSQL tables."""


@db.command()
@click.option("--dsn", help="postgresql://… (default: LEANVIBE_POSTGRES_DSN).")
@config_option
def upgrade(dsn: str | None, config: Path | None) -> None:
    """Bring the tables to this version; does nothing when they are there. Same as `alembic upgrade head`.

    Example: leanvibe db upgrade --dsn postgresql://user@127.0.0.1/leanvibe
    """
    target = load(config, postgres_dsn=dsn).postgres_dsn
    if not target:
        raise SettingsError("no PostgreSQL database is set", hint="give --dsn or set LEANVIBE_POSTGRES_DSN")
    from sidecar.worker.sinks import upgrade_database

    try:
        before, now = upgrade_database(target)
    except LeanvibeError as error:
        raise (_about_the_option(error) if dsn else error) from None
    click.echo(f"the tables are at revision {now}" + ("" if before == now else f" (before: {before or 'none'})"))


def _about_the_option(error: LeanvibeError) -> LeanvibeError:
    """The same about what was typed: the sink's own words name the variable."""
    message, hint = (text.replace("LEANVIBE_POSTGRES_DSN", "--dsn") for text in (error.message, error.hint))
    return type(error)(message, hint=hint)
