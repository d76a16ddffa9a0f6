"""The PostgreSQL table by days: made before they come, found for every time, dropped when they are old."""

import datetime as dt
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from alembic import command

from exporters import Outcome
from exporters.postgres import PostgresConfig, PostgresExporter, schema
from exporters.postgres.connection import BoundedConnection
from exporters.postgres.rows import write
from sidecar.errors import TransientExportError
from sidecar.events import HookEvent
from tests.recorded_events import recorded_events
from tests.servers import execute

DAY = 86_400_000_000
PARTITIONS = "SELECT partition::text FROM leanvibe_event_partitions"
DEFAULT = "leanvibe_events_default"


def moved(events: list[HookEvent], *days: int) -> list[HookEvent]:
    """The events with times so many days from today."""
    today = int(time.time() * 1_000_000)
    pairs = zip(events, days, strict=True)
    return [msgspec.structs.replace(event, received_at=today + day * DAY) for event, day in pairs]


def name(day: int) -> str:
    """The partition of a day, counted from today."""
    return f"leanvibe_events_{dt.datetime.now(dt.UTC) + dt.timedelta(days=day):%Y%m%d}"


@pytest.fixture
def exporter(postgres_dsn: str) -> Iterator[Callable[..., PostgresExporter]]:
    schema.upgrade(postgres_dsn)
    made: list[PostgresExporter] = []

    def build(dsn: str = postgres_dsn, retention_days: int = 0) -> PostgresExporter:
        made.append(PostgresExporter(PostgresConfig(dsn, retention_days=retention_days)))
        return made[-1]

    yield build
    for one in made:
        one.close()


def ask(dsn: str, query: str) -> list[Any]:
    """The first column of the answer."""
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute(query.encode())]


def counts(dsn: str) -> dict[str, int]:
    """Rows of each partition that has any."""
    with psycopg.connect(dsn) as connection:
        query = "SELECT tableoid::regclass::text, count(*) FROM leanvibe_events GROUP BY 1"
        return {row[0]: row[1] for row in connection.execute(query)}


def test_the_days_of_a_batch_and_tomorrow_are_there(
    postgres_dsn: str, exporter: Callable[..., PostgresExporter]
) -> None:
    """Each event lies in the partition of its day; that of tomorrow waits for its first."""
    assert Outcome() == exporter().export(moved(recorded_events(4), 0, -3, -3, 1))

    assert {name(0): 1, name(-3): 2, name(1): 1} == counts(postgres_dsn)
    assert {DEFAULT, name(-3), name(0), name(1)} == set(ask(postgres_dsn, PARTITIONS))


@pytest.mark.parametrize("days", [-20_000, -5_000, 40, 20_000, 2_000_000])
def test_every_time_finds_a_partition(
    postgres_dsn: str, exporter: Callable[..., PostgresExporter], days: int
) -> None:
    """Clocks far ahead and far behind lose nothing: such rows lie in the default partition, once each."""
    sink, events = exporter(), moved(recorded_events(3), 0, days, 0)
    assert Outcome() == sink.export(events)
    assert Outcome() == sink.export(events)

    assert {name(0): 2, DEFAULT: 1} == counts(postgres_dsn)


def test_a_repeat_is_one_row(postgres_dsn: str, exporter: Callable[..., PostgresExporter]) -> None:
    """A batch that was sent before, by this sink or another, adds nothing: id and time of an event never change."""
    events = moved(recorded_events(3), -1, 0, 1)
    for _ in range(2):
        assert Outcome() == exporter().export(events)

    assert [3] == ask(postgres_dsn, "SELECT count(*) FROM leanvibe_events")


def test_rows_of_a_clock_ahead_move_into_their_day(
    postgres_dsn: str, exporter: Callable[..., PostgresExporter]
) -> None:
    """What came into the default partition before its day had one of its own is in that one afterwards."""
    execute(postgres_dsn, "ALTER FUNCTION leanvibe_make_partition RENAME TO away")
    exporter().export(moved(recorded_events(2), 0, 2))
    assert {DEFAULT: 2} == counts(postgres_dsn)
    execute(postgres_dsn, "ALTER FUNCTION away RENAME TO leanvibe_make_partition")

    assert Outcome() == exporter().export(moved(recorded_events(3)[2:], 2))
    assert {name(0): 1, name(2): 2} == counts(postgres_dsn)


def test_sidecars_make_a_day_once(postgres_dsn: str, exporter: Callable[..., PostgresExporter]) -> None:
    """Sinks that meet on a new day all deliver, and nobody fails."""
    sinks, events = [exporter() for _ in range(8)], recorded_events(80)
    for sink in sinks:
        sink.start()
    barrier, said = threading.Barrier(len(sinks)), []

    def run(number: int) -> None:
        batch = moved(events[number * 10 : number * 10 + 10], *range(-7, 3))
        barrier.wait()
        said.append(sinks[number].export(batch))

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(sinks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [Outcome()] * len(sinks) == said
    assert dict.fromkeys(map(name, range(-7, 3)), 8) == counts(postgres_dsn)


def test_old_days_go_as_a_whole(postgres_dsn: str, exporter: Callable[..., PostgresExporter]) -> None:
    """The retention drops partitions whose days are over for so long, old rows of the default one, and no other."""
    exporter().export(moved(recorded_events(6), -900, -32, -31, -30, 0, 40))
    sink = exporter(retention_days=30)
    for event in recorded_events(10)[6:]:
        assert Outcome() == sink.export(moved([event], 0))

    assert {name(-30): 1, name(0): 5, DEFAULT: 1} == counts(postgres_dsn)
    assert name(-31) not in ask(postgres_dsn, PARTITIONS)


def test_retention_can_be_off(postgres_dsn: str, exporter: Callable[..., PostgresExporter]) -> None:
    """With 0 days nothing is ever dropped."""
    sink = exporter(retention_days=0)
    for day in (-900, -300, 0):
        sink.export(moved(recorded_events(1), day))

    assert 3 == sum(counts(postgres_dsn).values())


@pytest.fixture
def guest(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a user who may write and nothing else."""
    schema.upgrade(postgres_dsn)
    execute(postgres_dsn, "DROP ROLE IF EXISTS guest")
    execute(postgres_dsn, "CREATE ROLE guest LOGIN PASSWORD 'pw'")
    execute(postgres_dsn, "GRANT INSERT ON leanvibe_events TO guest")
    execute(postgres_dsn, "GRANT SELECT ON leanvibe_schema_version TO guest")
    yield f"postgresql://guest:pw@{postgres_dsn.rpartition('@')[2]}"
    execute(postgres_dsn, "DROP OWNED BY guest")
    execute(postgres_dsn, "DROP ROLE guest")


def test_without_the_right_events_arrive_and_one_line_says_what_to_do(
    postgres_dsn: str, exporter: Callable[..., PostgresExporter], guest: str
) -> None:
    """A user who may make no partition delivers into the default one; the notice names right and setting."""
    outcome = exporter(guest, 30).export(moved(recorded_events(1), 0))
    assert ((), {DEFAULT: 1}) == (outcome.rejected, counts(postgres_dsn))
    assert re.search("partitions: permission denied.*GRANT EXECUTE", outcome.notice)
    assert re.search("retention: permission denied.*RETENTION_DAYS=0", outcome.notice)


def test_the_right_to_call_is_enough_to_make_and_not_to_drop(
    postgres_dsn: str, exporter: Callable[..., PostgresExporter], guest: str
) -> None:
    """Who may call the two functions makes partitions; it drops none, and is told so only when one is old."""
    for function in ("leanvibe_make_partition", "leanvibe_drop_older_than"):
        execute(postgres_dsn, f"GRANT EXECUTE ON FUNCTION {function} TO guest")
    sink = exporter(guest, 30)
    assert Outcome() == sink.export(moved(recorded_events(1), 0))
    execute(postgres_dsn, f"GRANT SELECT ON {DEFAULT} TO guest")
    assert Outcome() == exporter(guest, 30).export(moved(recorded_events(1), 0))
    exporter().export(moved(recorded_events(2)[1:], -40))
    outcome = exporter(guest, 30).export(moved(recorded_events(3)[2:], 0))

    assert {name(0): 3, name(-40): 1} == counts(postgres_dsn)
    assert re.search(f"^retention: must be owner of table {name(-40)}.*RETENTION_DAYS=0", outcome.notice)


def test_a_reader_of_all_days_holds_up_no_delivery(
    postgres_dsn: str, exporter: Callable[..., PostgresExporter]
) -> None:
    """While somebody reads the table, a new day's events lie in the default partition, and the notice says why."""
    exporter().start()
    with psycopg.connect(postgres_dsn) as reader:
        reader.execute("SELECT count(*) FROM leanvibe_events")
        outcome = exporter().export(moved(recorded_events(1), 0))

    assert "lock timeout" in outcome.notice
    assert {DEFAULT: 1} == counts(postgres_dsn)


def test_no_partition_is_no_fault_of_a_row(postgres_dsn: str, exporter: Callable[..., PostgresExporter]) -> None:
    """Where somebody dropped the default partition, rows without a day wait; none is taken for a poison record."""
    sink = exporter()
    sink.export(moved(recorded_events(1), 0))
    execute(postgres_dsn, f"DROP TABLE {DEFAULT}")
    with pytest.raises(TransientExportError, match=r"no partition of relation.*CREATE TABLE leanvibe_events_default"):
        sink.export(moved(recorded_events(2), 5000, 5000))


def test_the_migration_keeps_rows_rights_and_checks(postgres_dsn: str, guest: str) -> None:
    """Rows of before are there once, the future's in the default partition, and whoever could write still can."""
    command.downgrade(schema._config(postgres_dsn, 60), "0001")
    execute(postgres_dsn, "ALTER TABLE leanvibe_events ADD CONSTRAINT polite CHECK (host <> 'rude')")
    execute(postgres_dsn, "GRANT INSERT, SELECT ON leanvibe_events TO guest")
    before = moved(recorded_events(4), -400, -1, 0, 90)
    connection = BoundedConnection.reach(guest, connect_timeout=5, statement_timeout=30, autocommit=True)
    assert [] == write(connection, before)
    schema.upgrade(postgres_dsn)

    assert {"leanvibe_events_before": 3, DEFAULT: 1} == counts(guest)
    rude = msgspec.structs.replace(moved(recorded_events(6)[5:], 1)[0], host="rude")
    sink = PostgresExporter(PostgresConfig(guest, retention_days=30))
    outcome = sink.export([*before, *moved(recorded_events(5)[4:], 1), rude])
    sink.close()
    assert [5] == [one.index for one in outcome.rejected]
    assert "" == outcome.notice
    assert {"leanvibe_events_before": 3, DEFAULT: 1, name(1): 1} == counts(guest)
    assert [] == write(connection, before)
    connection.close()


def test_a_view_that_would_show_old_rows_for_ever_stops_the_migration(postgres_dsn: str) -> None:
    """A view keeps its table: the upgrade names it and changes nothing."""
    command.upgrade(schema._config(postgres_dsn, 60), "0001")
    execute(postgres_dsn, "CREATE VIEW mine AS SELECT * FROM leanvibe_events")
    with pytest.raises(TransientExportError, match="the view mine reads leanvibe_events: drop it"):
        schema.upgrade(postgres_dsn)

    assert ("0001", "0002") == schema.revision(postgres_dsn)
