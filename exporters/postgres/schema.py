"""The version of the tables in a PostgreSQL database: what it is, and how it gets to ours."""

from typing import TYPE_CHECKING, NamedTuple

import psycopg

from exporters.postgres.answers import address, trouble
from exporters.postgres.apart import upgrade_apart
from exporters.postgres.connection import BoundedConnection
from sidecar.errors import TransientExportError

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("0001", "0002")
"""Every migration, oldest first."""

VERSION_TABLE = "leanvibe_schema_version"
"""Alembic's own name for it belongs to whoever shares the database with us."""

CONNECT_TIMEOUT = 10.0
"""Seconds, also for a question about the version."""

MIGRATION_TIMEOUT = 600.0
"""Seconds; a large table takes its time."""


class Revision(NamedTuple):
    """The version of a database, None when it has none of our tables, and the one that we write."""

    current: str | None
    head: str


def upgrade(dsn: str, timeout: float = MIGRATION_TIMEOUT) -> None:
    """Brings a database to our version, whatever it has; does nothing when it is there.

    Args:
        dsn: as libpq reads it.
        timeout: seconds that one statement may take, waiting for another migration included.

    Raises:
        TransientExportError: it cannot be reached, lacks a right, or is newer than we are.
    """
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        command.upgrade(_config(dsn, timeout), "head")
    except SQLAlchemyError as error:
        raise _reason(getattr(error, "orig", error), dsn) from None
    except psycopg.Error as error:
        raise trouble(error, dsn) from None
    except CommandError as error:
        raise TransientExportError(f"{address(dsn)}: {error}", hint="upgrade the sidecar") from None


def revision(dsn: str) -> Revision:
    """The version of a database and ours.

    Raises:
        TransientExportError: it cannot be reached.
    """
    try:
        with _connect(dsn, CONNECT_TIMEOUT, autocommit=True) as connection:
            return Revision(_current(connection), REVISIONS[-1])
    except psycopg.Error as error:
        raise trouble(error, dsn) from None


def prepare(connection: BoundedConnection, dsn: str) -> None:
    """Creates the tables in a database that has none of ours; leaves all others as they are.

    Raises:
        TransientExportError: the tables are of another version, or their text is not UTF-8.
        psycopg.Error: PostgreSQL refuses a question.
    """
    current, head = _current(connection), REVISIONS[-1]
    if problem := _problem(connection, current, head):
        raise TransientExportError(f"{address(dsn)}: {problem[0]}", hint=problem[1])
    if current is None:
        upgrade_apart(dsn, connection.patience)


def _problem(connection: BoundedConnection, current: str | None, head: str) -> tuple[str, str] | None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        return f"its encoding is {encoding}", "create the database with ENCODING 'UTF8'"
    if current is None and _exists(connection, "leanvibe_events"):
        return "a table leanvibe_events is there that no leanvibe made", "rename it"
    if current not in {None, head}:
        todo = "run leanvibe db upgrade" if current in REVISIONS else "upgrade the sidecar"
        return f"schema is at {current}, this version writes {head}", todo
    return None


def _current(connection: BoundedConnection) -> str | None:
    if not _exists(connection, VERSION_TABLE):
        return None
    row = connection.execute("SELECT version_num FROM leanvibe_schema_version").fetchone()
    return row[0] if row else None


def _exists(connection: BoundedConnection, table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone() == (True,)


def _connect(dsn: str, timeout: float, *, autocommit: bool) -> BoundedConnection:
    return BoundedConnection.reach(
        dsn, connect_timeout=CONNECT_TIMEOUT, statement_timeout=timeout, autocommit=autocommit
    )


def _config(dsn: str, timeout: float) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "exporters.postgres:migrations")
    config.attributes["connect"] = lambda: _connect(dsn, timeout, autocommit=False)
    return config


def _reason(error: object, dsn: str) -> TransientExportError:
    if isinstance(error, psycopg.Error):
        return trouble(error, dsn)
    return TransientExportError(f"{address(dsn)}: the migration failed: {type(error).__name__}")
