"""What readers and operators of the PostgreSQL sink may rely on, on a real PostgreSQL."""

import datetime as dt
import os
import signal
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from exporters import Outcome
from exporters.postgres import PostgresConfig, PostgresExporter, schema
from sidecar.errors import TransientExportError
from sidecar.events import FIELDS, HookEvent
from tests.recorded_events import recorded_events
from tests.servers import execute

SURE = 2.0
"""Seconds until a statement is given up; libpq and we know no exact ones."""


@pytest.fixture
def exporter(postgres_dsn: str) -> Iterator[PostgresExporter]:
    schema.upgrade(postgres_dsn)
    yield from started(PostgresConfig(postgres_dsn))


@pytest.fixture
def hasty(exporter: PostgresExporter, postgres_dsn: str) -> Iterator[PostgresExporter]:
    """Another that soon gives up."""
    yield from started(PostgresConfig(postgres_dsn, statement_timeout=SURE))


def started(config: PostgresConfig) -> Iterator[PostgresExporter]:
    exporter = PostgresExporter(config)
    exporter.start()
    yield exporter
    exporter.close()


@pytest.fixture
def reader(exporter: PostgresExporter, postgres_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        yield connection


def test_a_row_says_what_the_event_says(exporter: PostgresExporter, reader: psycopg.Connection[Any]) -> None:
    """A row has the event's values in PostgreSQL's own types, for each of the recorded events."""
    events = recorded_events(205)
    exporter.export(events)
    reader.execute("SET timezone TO 'UTC'")
    rows = reader.execute("SELECT * FROM leanvibe_events ORDER BY seq").fetchall()
    assert [expected_row(event) for event in events] == rows


def expected_row(event: HookEvent) -> tuple[Any, ...]:
    row = {name: getattr(event, name) for name in FIELDS}
    for name in ("received_at", "occurred_at"):
        row[name] = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=row[name])
    row["payload"] = msgspec.json.decode(event.payload)
    return tuple(row.values())


PAYLOADS = {
    rb'{"a\u0000":"\u0000"}': {"a\u2400": "\u2400"},
    rb'{"a":"\ud800 \\u0000 \ud83d\ude00"}': {"a": "\ufffd \\u0000 \U0001f600"},
    b'{"a":1e400000}': '{"a":1e400000}',
    b'{"a":1e-400000}': '{"a":1e-400000}',
    b'{"a":123456789012345678901234567890}': {"a": 123456789012345678901234567890},
    b"[" * 30_000 + b"]" * 30_000: "[" * 30_000 + "]" * 30_000,
    rb'{"a":1e400000,"b":"\u0000"}': r'{"a":1e400000,"b":"\u0000"}',
    b'"text"': "text",
    b"null": None,
}
"""What the column `payload` makes of payloads."""


def test_jsonb_holds_every_payload(exporter: PostgresExporter, reader: psycopg.Connection[Any]) -> None:
    """A payload is a document but for refused characters, or its whole text when `jsonb` refuses more."""
    events = [
        msgspec.structs.replace(event, payload=msgspec.Raw(payload))
        for event, payload in zip(recorded_events(len(PAYLOADS)), PAYLOADS, strict=True)
    ]
    assert Outcome() == exporter.export(events)
    rows = reader.execute("SELECT payload FROM leanvibe_events ORDER BY seq").fetchall()
    assert list(PAYLOADS.values()) == [payload for (payload,) in rows]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_id": os.urandom(5000).hex()}, "54000 ProgramLimitExceeded"),
        ({"occurred_at": 10**30}, "22003 NumericValueOutOfRange"),
        ({"size_bytes": 2**63}, "22003 NumericValueOutOfRange"),
        ({"host": "forbidden"}, "23514 CheckViolation, constraint polite"),
    ],
)
def test_a_refused_row_says_why_and_nothing_of_itself(
    exporter: PostgresExporter, reader: psycopg.Connection[Any], changes: dict[str, Any], reason: str
) -> None:
    """A row is rejected with PostgreSQL's code and name for it, without its content; the others are there."""
    reader.execute("ALTER TABLE leanvibe_events ADD CONSTRAINT polite CHECK (host <> 'forbidden')")
    events = recorded_events(3)
    outcome = exporter.export([events[0], msgspec.structs.replace(events[1], **changes), events[2]])
    assert [(1, f"PostgreSQL: {reason}")] == [(rejected.index, rejected.reason) for rejected in outcome.rejected]
    assert (2,) == reader.execute("SELECT count(*) FROM leanvibe_events").fetchone()


@pytest.mark.parametrize(
    ("damage", "repair", "hint"),
    [
        (
            "ALTER TABLE leanvibe_events RENAME TO away",
            "ALTER TABLE away RENAME TO leanvibe_events",
            "leanvibe db upgrade",
        ),
        (
            "ALTER TABLE leanvibe_events DROP COLUMN cwd",
            "ALTER TABLE leanvibe_events ADD COLUMN cwd text",
            "leanvibe db upgrade",
        ),
    ],
)
def test_what_an_operator_can_repair_is_transient(
    exporter: PostgresExporter, reader: psycopg.Connection[Any], damage: str, repair: str, hint: str
) -> None:
    """A missing table or column is transient with a hint, and delivery goes on after the repair."""
    reader.execute(damage)
    with pytest.raises(TransientExportError, match=hint):
        exporter.export(recorded_events(2))
    reader.execute(repair)
    assert Outcome() == exporter.export(recorded_events(2))


REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.host = 'forbidden' THEN RAISE EXCEPTION 'no: %', NEW.payload USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON leanvibe_events FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_the_row_that_a_trigger_refuses_is_rejected_alone(
    exporter: PostgresExporter, reader: psycopg.Connection[Any]
) -> None:
    """A trigger of somebody's refuses a row as a constraint does: the others arrive, its words go nowhere."""
    reader.execute(REFUSING.format(code="P0001"))
    events = recorded_events(3)
    outcome = exporter.export([events[0], msgspec.structs.replace(events[1], host="forbidden"), events[2]])
    assert [(1, "PostgreSQL: P0001 RaiseException")] == [(one.index, one.reason) for one in outcome.rejected]
    assert (2,) == reader.execute("SELECT count(*) FROM leanvibe_events").fetchone()


def test_the_words_of_a_trigger_are_not_passed_on(
    exporter: PostgresExporter, reader: psycopg.Connection[Any]
) -> None:
    """What a function of somebody's says may quote the row: the error names its code only."""
    reader.execute(REFUSING.format(code="55000"))
    payload = msgspec.Raw(b'{"prompt":"of the row"}')
    with pytest.raises(TransientExportError, match="fails with 55000") as raised:
        exporter.export([msgspec.structs.replace(recorded_events(1)[0], host="forbidden", payload=payload)])
    assert "of the row" not in str(raised.value)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_text_is_the_same_whatever_encoding_clients_have(
    postgres_dsn: str, exporter: PostgresExporter, reader: psycopg.Connection[Any], encoding: str
) -> None:
    """A database, user or DSN with another client encoding changes no character on the way, and stops nothing."""
    text = {"prompt": "grüße € 漢字 \U0001f600"}
    name = postgres_dsn.rpartition("/")[2]
    execute(postgres_dsn, f"ALTER DATABASE {{}} SET client_encoding = '{encoding}'", name)
    for number, dsn in enumerate((postgres_dsn, f"{postgres_dsn}?client_encoding={encoding}")):
        other = PostgresExporter(PostgresConfig(dsn))
        payload = msgspec.Raw(msgspec.json.encode(text))
        assert Outcome() == other.export([msgspec.structs.replace(recorded_events(2)[number], payload=payload)])
        other.close()
    assert [(text,), (text,)] == reader.execute("SELECT payload FROM leanvibe_events").fetchall()


def test_a_missing_right_is_named(postgres_dsn: str, exporter: PostgresExporter) -> None:
    """A user that may not insert is told which GRANT it lacks; with those of the hint it delivers."""
    execute(postgres_dsn, "DROP ROLE IF EXISTS writer")
    execute(postgres_dsn, "CREATE ROLE writer LOGIN PASSWORD 'pw'")
    host = postgres_dsn.rpartition("@")[2]
    writer = PostgresExporter(PostgresConfig(f"postgresql://writer:pw@{host}"))
    with pytest.raises(TransientExportError, match="GRANT"):
        writer.start()
    execute(postgres_dsn, "GRANT SELECT ON leanvibe_schema_version TO writer")
    writer.start()
    with pytest.raises(TransientExportError, match="GRANT INSERT"):
        writer.export(recorded_events(1))
    execute(postgres_dsn, "GRANT INSERT ON leanvibe_events TO writer")
    assert "GRANT EXECUTE ON FUNCTION leanvibe_make_partition" in writer.export(recorded_events(1)).notice
    execute(postgres_dsn, "GRANT EXECUTE ON FUNCTION leanvibe_make_partition TO writer")
    writer.start()
    assert Outcome() == writer.export(recorded_events(1))
    writer.close()
    execute(postgres_dsn, "DROP OWNED BY writer")
    execute(postgres_dsn, "DROP ROLE writer")


def test_a_lock_held_for_long_is_transient(hasty: PostgresExporter, postgres_dsn: str) -> None:
    """A statement that waits over its timeout ends as transient, and works once the lock is gone."""
    with psycopg.connect(postgres_dsn) as other:
        other.execute("LOCK leanvibe_events")
        with pytest.raises(TransientExportError, match="statement timeout"):
            hasty.export(recorded_events(1))
    assert Outcome() == hasty.export(recorded_events(1))


def test_a_frozen_server_is_given_up(hasty: PostgresExporter, reader: psycopg.Connection[Any]) -> None:
    """A server process that does not answer at all blocks for no longer than timeout and grace."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'leanvibe-sidecar'"
    newest = " AND datname = current_database() ORDER BY backend_start DESC"
    row = reader.execute(query + newest).fetchone()
    assert row
    os.kill(row[0], signal.SIGSTOP)
    try:
        with pytest.raises(TransientExportError, match="does not answer any more"):
            hasty.export(recorded_events(1))
    finally:
        os.kill(row[0], signal.SIGCONT)
    assert Outcome() == hasty.export(recorded_events(1))


def test_a_closed_exporter_leaves_no_connection(exporter: PostgresExporter, reader: psycopg.Connection[Any]) -> None:
    """After `close` the server has no session of ours."""
    exporter.close()
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leanvibe-sidecar'"
    for _ in range(100):
        left = reader.execute(query + " AND datname = current_database()").fetchone()
        if left == (0,):
            break
        reader.execute("SELECT pg_sleep(0.02)")
    assert (0,) == left
