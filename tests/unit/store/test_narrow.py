"""Laws of queries over large payloads: the same answers, from no more of them than the query is about."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest

from sidecar.errors import QueryMemoryError
from sidecar.worker.query.guard import tree
from sidecar.worker.query.narrow import WRITTEN_OUT, narrowed
from sidecar.worker.query.sql import answer, run
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import Store
from tests.unit.store.large_payloads import LARGE, event, large_payloads, rows

VIEW = "SELECT * FROM events"
SELECTIVE = [
    "SELECT parameters->>'command' AS command FROM events WHERE tool_name = 'Bash'",
    "SELECT e.payload, seq FROM events AS e WHERE e.session_id = 'small' LIMIT 1",
    "SELECT * FROM events WHERE seq = 3",
    "SELECT * FROM events ORDER BY seq DESC LIMIT 3",
    "SELECT seq, result FROM main.events WHERE tool_name IN ('Bash', 'Glob') ORDER BY received_at, seq LIMIT 4",
    "SELECT payload->>'cwd' FROM EVENTS WHERE lower(Tool_Name) = 'bash' AND received_at < now() + INTERVAL 9 DAY",
    "WITH b AS (SELECT * FROM events WHERE tool_name = 'Bash') SELECT count(*), max(length(payload::VARCHAR)) FROM b",
    "SELECT count(*) FROM events WHERE tool_name = 'Bash' AND parameters->>'command' LIKE 'ls%'",
    "SELECT tool_name, any_value(result) FROM events WHERE session_id = 'small' GROUP BY tool_name",
    "SELECT (SELECT payload FROM events AS e WHERE e.seq = 1) = (SELECT payload FROM events WHERE seq < 2) AS same",
]
"""Queries about rows without large payloads, or about few of them."""

OTHERS = [
    "SELECT tool_name, count(*) FROM events GROUP BY 1 ORDER BY 1",
    "SELECT seq, length(payload::VARCHAR) FROM events WHERE payload IS NOT NULL ORDER BY seq LIMIT 5 OFFSET 2",
    "SELECT DISTINCT tool_name, payload->>'session_id' FROM events ORDER BY tool_name LIMIT 2",
    "SELECT upper(tool_name) AS tool_name, parameters FROM events WHERE tool_name = 'Bash' ORDER BY seq LIMIT 2",
    "SELECT sum(length(result::VARCHAR)) FROM events WHERE tool_name = 'Read' AND seq < 40",
    "SELECT count(*) OVER () AS n, parameters FROM events WHERE seq < 20 ORDER BY seq LIMIT 2",
    "SELECT seq * 2 AS seq, parameters FROM events ORDER BY seq DESC LIMIT 2",
    "WITH events AS (SELECT 1 AS seq, 'x' AS payload) SELECT payload FROM events WHERE seq = 1",
    "SELECT seq, s.events, e.parameters FROM events e JOIN sessions s USING (session_id) WHERE seq < 4 ORDER BY 1",
    "SELECT seq, parameters FROM events WHERE seq IN (SELECT max(seq) FROM events WHERE tool_name = 'Bash')",
    "SELECT a.seq, b.seq, a.parameters FROM events a, events b WHERE a.seq = b.seq AND a.seq < 3 ORDER BY ALL",
]


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with large_payloads(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.mark.parametrize("query", SELECTIVE)
def test_a_query_reads_what_it_is_about(store: Store, query: str) -> None:
    """However much is stored beside it, a query about few rows has memory enough, with what a store has at first."""
    with store.room.enough(), store.cursor() as cursor:
        assert 1 <= run(cursor, query, seconds=60, max_rows=1000).row_count


@pytest.mark.parametrize("query", SELECTIVE + OTHERS)
def test_the_answer_is_that_of_the_view(store: Store, query: str) -> None:
    """Row for row as if the view had been asked as it is; which rows a LIMIT without an order takes is open."""
    with store.room.enough(64), store.cursor() as cursor:
        changed = narrowed(tree(cursor, query), lambda: tree(cursor, WRITTEN_OUT))
        made = msgspec.json.encode({"error": False, "statements": changed}).decode() if changed else None
        text = rows(cursor.execute("SELECT json_deserialize_sql(?::JSON)", [made]))[0][0] if made else query
        found, expected = rows(cursor.execute(text)), rows(cursor.execute(query))

    is_open = "LIMIT" in query and "ORDER BY" not in query
    assert len(found) == len(expected) if is_open else sorted(found) == sorted(expected)


def test_written_out_it_is_the_view(store: Store) -> None:
    """The view as it stands in a query has the columns and rows of the view."""
    with store.room.enough(64), store.cursor() as cursor:
        names = [[column[0] for column in cursor.execute(query).description or ()] for query in (VIEW, WRITTEN_OUT)]
        asked = [rows(cursor.execute(f"{query} WHERE seq < 50 ORDER BY seq")) for query in (VIEW, WRITTEN_OUT)]

    assert names[0] == names[1]
    assert 49 == len(asked[0])
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM events WHERE tool_name = 'Bash'",
        "WITH events AS (SELECT 1 AS payload) SELECT payload FROM events",
        "SELECT upper(tool_name) AS tool_name, payload FROM events WHERE tool_name = 'BASH'",
        "SELECT * FROM events TABLESAMPLE 10%",
        "SELECT * FROM tool_calls",
        "SELECT count(*) FROM events WHERE payload::VARCHAR ILIKE '%x%'",
        "SELECT payload FROM events WHERE random() < 0.5",
    ],
)
def test_what_gains_nothing_or_may_change_is_left(store: Store, query: str) -> None:
    """A query that reads no payload, or in which names may mean something else, is run as it came."""
    with store.cursor() as cursor:
        parsed = tree(cursor, query)
        assert narrowed(parsed, lambda: tree(cursor, WRITTEN_OUT)) is None


def test_what_is_said_twice_is_harmless(store: Store) -> None:
    """A condition that chance decides is not repeated: it would be asked twice."""
    with store.cursor() as cursor:
        parsed = tree(cursor, "SELECT payload FROM events WHERE random() < 0.5 AND seq < 5")
        changed = msgspec.json.encode(narrowed(parsed, lambda: tree(cursor, WRITTEN_OUT)))
        assert 1 == changed.count(b'"random"') // msgspec.json.encode(parsed).count(b'"random"')


def test_a_query_that_needs_more_gets_more(store: Store) -> None:
    """What looks into all large payloads is run again with more memory, and gives it back."""
    query = "SELECT count(*) FROM events WHERE payload::VARCHAR LIKE '%000399000399%'"
    limit = "SELECT current_setting('memory_limit')"
    store.room.settle()
    before = store.cursor().execute(limit).fetchall()
    with store.room.enough(), store.cursor() as cursor, pytest.raises(QueryMemoryError, match="out of memory"):
        run(cursor, query, seconds=60, max_rows=10)

    assert [[1]] == answer(store, query, seconds=60, max_rows=10).rows
    assert before == store.cursor().execute(limit).fetchall()


def test_what_is_wrong_is_told_of_the_query_as_it_came(store: Store) -> None:
    """An error names what the user wrote, with DuckDB's own help."""
    with store.cursor() as cursor, pytest.raises(Exception, match="sesion_id") as raised:
        run(cursor, "SELECT payload FROM events WHERE sesion_id = 'x'", seconds=60, max_rows=10)
    assert "session_id" in str(raised.value)


def test_a_store_that_is_asked_by_others_keeps_its_view(tmp_path: Path) -> None:
    """Any DuckDB that opens the file sees whole payloads in `events`."""
    store = Store(tmp_path / "store.duckdb", 64)
    store.load([event(1, "Read", LARGE)], Notes())
    store.close()
    with duckdb.connect(tmp_path / "store.duckdb", read_only=True) as other:
        assert LARGE < len(str(other.execute("SELECT payload FROM events").fetchall()[0][0]))
