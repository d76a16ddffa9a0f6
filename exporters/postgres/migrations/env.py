"""Runs the migrations: for `leanvibe db upgrade`, for the sink's start, and for plain `alembic`."""

import logging
import os
from collections.abc import Callable
from typing import Any

import psycopg
from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from exporters.postgres.schema import VERSION_TABLE

LOCK = 7_310_579_282_004_113
"""Key of the advisory lock that two sidecars on one empty database meet at."""


def connect_by_environment() -> psycopg.Connection[Any]:
    """The database that LEANVIBE_POSTGRES_DSN names, for the `alembic` command."""
    dsn = os.environ.get("LEANVIBE_POSTGRES_DSN")
    if not dsn:
        raise CommandError("LEANVIBE_POSTGRES_DSN is not set: write postgresql://user:password@host:port/database")
    return psycopg.connect(dsn)


def migrate(connect: Callable[[], psycopg.Connection[Any]]) -> None:
    """Migrates in one transaction, one process at a time."""
    connect().close()  # SQLAlchemy would wrap what it raises
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, version_table=VERSION_TABLE)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            context.run_migrations()


def write_script() -> None:
    """Prints the SQL, for `alembic upgrade head --sql`."""
    context.configure(dialect_name="postgresql", version_table=VERSION_TABLE, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.config.config_file_name:  # the `alembic` command; otherwise logging belongs to the sidecar
    logging.basicConfig(format="%(message)s", level=logging.INFO)

if context.is_offline_mode():
    write_script()
else:
    migrate(context.config.attributes.get("connect", connect_by_environment))
