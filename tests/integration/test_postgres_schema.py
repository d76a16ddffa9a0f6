"""How the tables of the PostgreSQL sink come to be and change, on a real PostgreSQL."""

import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporters import Outcome
from exporters.postgres import PostgresConfig, PostgresExporter, schema
from sidecar.errors import TransientExportError
from sidecar.events import FIELDS
from tests.commands import environment
from tests.recorded_events import recorded_events
from tests.servers import Server, execute

ROOT = Path(__file__).parents[2]


def columns(dsn: str) -> list[tuple[Any, ...]]:
    query = """
        SELECT column_name, data_type FROM information_schema.columns
        WHERE table_name = 'leanvibe_events' ORDER BY ordinal_position
    """
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def alembic(*arguments: str, dsn: str | None) -> subprocess.CompletedProcess[str]:
    settings = {"LEANVIBE_POSTGRES_DSN": dsn} if dsn else {}
    command = [sys.executable, "-m", "alembic", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, check=False)


def test_the_table_has_a_column_for_each_field(postgres_dsn: str) -> None:
    """The migrated table has exactly the fields of an event, in their order, in types that fit."""
    schema.upgrade(postgres_dsn)
    types = dict(columns(postgres_dsn))
    assert list(FIELDS) == list(types)
    assert "timestamp with time zone" == types["received_at"] == types["occurred_at"]
    assert "jsonb" == types["payload"] == types["redactions"]
    assert "double precision" == types["execution_time_ms"] == types["processing_time_ms"]
    assert "bigint" == types["seq"] == types["size_bytes"]
    assert "boolean" == types["success"] == types["redaction_failed"]


def test_our_list_of_revisions_is_alembics() -> None:
    """The revisions that the sink knows without importing Alembic are those of the migrations."""
    migrations = ScriptDirectory.from_config(schema._config("", 1))
    assert schema.REVISIONS == tuple(script.revision for script in migrations.walk_revisions())[::-1]


def test_plain_alembic_upgrades_from_a_checkout(postgres_dsn: str) -> None:
    """`alembic upgrade head` brings the database of the environment to our version, and back."""
    done = alembic("upgrade", "head", dsn=postgres_dsn)
    assert (0, "") == (done.returncode, done.stdout)
    assert ("0002", "0002") == schema.revision(postgres_dsn)
    assert 0 == alembic("downgrade", "base", dsn=postgres_dsn).returncode
    assert (None, "0002") == schema.revision(postgres_dsn)


def test_plain_alembic_without_a_dsn_says_so() -> None:
    """Without LEANVIBE_POSTGRES_DSN the command fails with one line that says what is missing."""
    done = alembic("upgrade", "head", dsn=None)
    assert 0 != done.returncode
    assert "LEANVIBE_POSTGRES_DSN is not set" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_plain_alembic_writes_the_sql(postgres_dsn: str) -> None:
    """`--sql` prints a script that makes the same table, for databases that only an administrator changes."""
    script = alembic("upgrade", "head", "--sql", dsn=None).stdout
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(script.encode())
    assert list(FIELDS) == [name for name, _ in columns(postgres_dsn)]
    assert ("0002", "0002") == schema.revision(postgres_dsn)


@pytest.mark.parametrize("form", ["postgres://", "postgresql://", "key=value"])
def test_every_form_of_dsn_migrates(postgres_dsn: str, form: str) -> None:
    """A DSN may have every form that libpq takes."""
    key_value = make_conninfo(**conninfo_to_dict(postgres_dsn))
    dsn = key_value if form == "key=value" else postgres_dsn.replace("postgresql://", form)
    schema.upgrade(dsn)
    schema.upgrade(dsn)
    assert ("0002", "0002") == schema.revision(dsn)


def test_a_start_that_migrates_keeps_none_of_the_tools(postgres_dsn: str) -> None:
    """After a start on an empty database the process holds neither Alembic nor SQLAlchemy."""
    program = """
import sys
from exporters.postgres import PostgresConfig, PostgresExporter
exporter = PostgresExporter(PostgresConfig(sys.argv[1]))
exporter.start()
exporter.close()
print({"alembic", "sqlalchemy"} & set(sys.modules))
"""
    command = [sys.executable, "-c", program, postgres_dsn]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()
    assert ("0002", "0002") == schema.revision(postgres_dsn)


def test_a_start_without_the_right_to_create_says_so(postgres_dsn: str) -> None:
    """A user who may not create the table is told in one line, and what would help."""
    execute(postgres_dsn, "DROP ROLE IF EXISTS guest")
    execute(postgres_dsn, "CREATE ROLE guest LOGIN PASSWORD 'pw'")
    guest = PostgresExporter(PostgresConfig(f"postgresql://guest:pw@{postgres_dsn.rpartition('@')[2]}"))
    with pytest.raises(TransientExportError, match=r"permission denied for schema public.*GRANT"):
        guest.start()
    guest.close()
    execute(postgres_dsn, "DROP ROLE guest")


def test_sidecars_that_start_together_migrate_once(postgres_dsn: str) -> None:
    """Processes that meet on one empty database all start; the table is made once."""
    program = """
import sys
from exporters.postgres import PostgresConfig, PostgresExporter
exporter = PostgresExporter(PostgresConfig(sys.argv[1]))
exporter.start()
exporter.close()
"""
    command = [sys.executable, "-c", program, postgres_dsn]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in running]
    assert [(b"", b"")] * 2 == answers
    assert [0] * 2 == [process.returncode for process in running]
    assert ("0002", "0002") == schema.revision(postgres_dsn)


def test_a_start_on_an_empty_database_is_silent(
    postgres_dsn: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrating at start prints nothing and leaves the logging of the process as it was."""
    handlers = [logging.NullHandler()]
    monkeypatch.setattr(logging.root, "handlers", handlers)
    level = logging.root.level
    exporter = PostgresExporter(PostgresConfig(postgres_dsn))
    exporter.start()
    exporter.close()
    assert ("", "") == capfd.readouterr()
    assert (handlers, level) == (logging.root.handlers, logging.root.level)


@pytest.mark.parametrize(
    ("version", "todo"),
    [("0000", "upgrade the sidecar"), ("9999", "upgrade the sidecar"), ("old", "leanvibe db upgrade")],
)
def test_another_version_is_left_alone(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, version: str, todo: str
) -> None:
    """A database of another version is not touched; one line says both versions and what to do."""
    monkeypatch.setattr(schema, "REVISIONS", ("old", "0002"))
    schema.upgrade(postgres_dsn)
    execute(postgres_dsn, f"UPDATE leanvibe_schema_version SET version_num = '{version}'")
    exporter = PostgresExporter(PostgresConfig(postgres_dsn))
    with pytest.raises(TransientExportError, match=f"schema is at {version}, this version writes 0002.*{todo}"):
        exporter.start()
    execute(postgres_dsn, "UPDATE leanvibe_schema_version SET version_num = '0002'")
    assert Outcome() == exporter.export(recorded_events(2))
    exporter.close()


def test_a_newer_database_is_not_upgraded(postgres_dsn: str) -> None:
    """`upgrade` on a database of a later sidecar fails with one line."""
    schema.upgrade(postgres_dsn)
    execute(postgres_dsn, "UPDATE leanvibe_schema_version SET version_num = '9999'")
    with pytest.raises(TransientExportError, match="9999"):
        schema.upgrade(postgres_dsn)


def test_a_foreign_table_of_our_name_is_left_alone(postgres_dsn: str) -> None:
    """A table `leanvibe_events` that no migration made is neither written nor changed."""
    execute(postgres_dsn, "CREATE TABLE leanvibe_events (mine int)")
    with pytest.raises(TransientExportError, match="rename it"):
        PostgresExporter(PostgresConfig(postgres_dsn)).start()
    assert [("mine", "integer")] == columns(postgres_dsn)


def test_a_database_is_shared_with_others_who_use_alembic(postgres_dsn: str) -> None:
    """An `alembic_version` of another application stays as it is."""
    execute(postgres_dsn, "CREATE TABLE alembic_version AS SELECT 'theirs' AS version_num")
    exporter = PostgresExporter(PostgresConfig(postgres_dsn))
    exporter.start()
    exporter.close()
    with psycopg.connect(postgres_dsn) as connection:
        assert ("theirs",) == connection.execute("SELECT version_num FROM alembic_version").fetchone()


def test_a_database_that_is_not_utf8_is_refused(postgres_server: Server) -> None:
    """Text of every script must fit: another encoding is one line that says which is needed."""
    execute(postgres_server.url, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    try:
        dsn = postgres_server.url.removesuffix("postgres") + "latin"
        with pytest.raises(TransientExportError, match=r"LATIN1.*UTF8"):
            PostgresExporter(PostgresConfig(dsn)).start()
    finally:
        execute(postgres_server.url, "DROP DATABASE latin WITH (FORCE)")


def test_an_upgrade_of_a_database_that_is_away_is_one_line() -> None:
    """`upgrade` and `revision` say what does not answer, without credentials."""
    for ask in (schema.upgrade, schema.revision):
        with pytest.raises(TransientExportError, match=r"PostgreSQL at 127\.0\.0\.1:1, database d") as raised:
            ask("postgresql://u:hunter2@127.0.0.1:1/d")
        assert "hunter2" not in str(raised.value)


def test_a_migration_needs_no_main_thread(postgres_dsn: str) -> None:
    """A sink that starts in a thread of the worker may migrate there."""
    worker = threading.Thread(target=schema.upgrade, args=[postgres_dsn])
    worker.start()
    worker.join()
    assert ("0002", "0002") == schema.revision(postgres_dsn)
