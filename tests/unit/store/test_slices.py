"""Laws of queries that look into all large payloads: the same answers, with the memory that any query has."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sidecar.errors import QueryMemoryError
from sidecar.worker.query import sql
from sidecar.worker.query.execute import at_once, in_slices
from sidecar.worker.query.sql import answer, run
from sidecar.worker.store.store import Store
from tests.unit.store.large_payloads import large_payloads, rows

LOOK_INTO_ALL = [
    "SELECT count(*) FROM events WHERE payload::VARCHAR LIKE '%000399000399%'",
    "SELECT seq, tool_name FROM events WHERE result->>'stdout' ILIKE '%00039900%' ORDER BY seq",
    "SELECT parameters->>'command' FROM events WHERE tool_name = 'Read' AND seq > 7",
    "SELECT parameters->>'command' AS c, count(*) AS n FROM events GROUP BY c HAVING n > 0 ORDER BY n, c LIMIT 9",
    "SELECT e.tool_name, sum(length(e.payload::VARCHAR)), max(seq) FROM events AS e GROUP BY ALL ORDER BY ALL",
    "SELECT DISTINCT result IS NULL, length(result::VARCHAR) > 5000 FROM main.events",
    "SELECT count(*) FILTER (WHERE parameters->>'command' = 'ls 4'), count(DISTINCT tool_name) FROM events",
    "WITH c AS (SELECT seq, parameters->>'command' AS cmd FROM events) SELECT min(seq), max(cmd) FROM c",
    "SELECT tool_name, payload->>'session_id', row_number() OVER (PARTITION BY tool_name ORDER BY seq) FROM events",
    (
        "SELECT CASE WHEN parameters->>'command' IN ('ls 1') THEN 'a' ELSE tool_name END AS k, count(*) FROM events "
        "WHERE received_at < now() + INTERVAL 1 DAY GROUP BY k"
    ),
    (
        "SELECT (SELECT count(*) FROM events WHERE payload::VARCHAR LIKE '%000003%') + count(*) FROM events "
        "WHERE result::VARCHAR LIKE '%000005%'"
    ),
    (
        "SELECT seq FROM events WHERE payload::VARCHAR LIKE '%000003%' UNION SELECT seq FROM events WHERE "
        "length(result::VARCHAR) BETWEEN 100 AND 200 ORDER BY 1"
    ),
    "SELECT sum(substr(parameters->>'command', 4)::INTEGER) FROM events WHERE parameters->>'command' LIKE 'ls%'",
    "SELECT list_filter([parameters->>'command', tool_name], lambda x: x <> 'Read') FROM events WHERE seq > 2",
    "SELECT payload FROM events WHERE payload::VARCHAR LIKE '%000599000599%'",
    "SELECT count(*) FROM events WHERE payload::VARCHAR LIKE '%no such text%' AND tool_name = 'nobody'",
    "SELECT * FROM events WHERE payload::VARCHAR LIKE '%000399000399%'",
    "SELECT e.*, length(result::VARCHAR) FROM events e WHERE parameters->>'command' IN ('ls 3', 'ls 4') ORDER BY 1",
]

NOT_TO_BE_TAKEN_APART = [
    "SELECT * FROM events WHERE tool_name = 'Read'",
    "SELECT result->>'stdout' AS result FROM events ORDER BY result",
    "SELECT e.payload FROM events e JOIN sessions s USING (session_id)",
    "WITH events AS (SELECT 1 AS payload) SELECT payload FROM events",
    "SELECT count(*) FROM events TABLESAMPLE 10% WHERE payload IS NOT NULL",
    "SELECT length(payload::VARCHAR) FROM events e WHERE EXISTS (SELECT 1 FROM spans WHERE name = e.result::VARCHAR)",
    "SELECT length(payload->>'session_id') FROM events GROUP BY payload->>'session_id'",
    "SELECT tool_name FROM events",
]


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with large_payloads(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.mark.parametrize("query", LOOK_INTO_ALL)
def test_slices_say_what_the_whole_says(store: Store, query: str) -> None:
    """The same names and rows, with the memory that a store has if nothing else is said, as at once with plenty."""
    with store.room.enough(64), store.cursor() as cursor:
        names, expected = at_once(cursor, query), rows(cursor)
    store.room.settle()
    with store.room.enough(2), store.cursor() as cursor:
        assert names == in_slices(cursor, query)
        assert sorted(expected) == sorted(rows(cursor))


@pytest.mark.parametrize("query", NOT_TO_BE_TAKEN_APART)
def test_what_cannot_be_taken_apart_is_left(store: Store, query: str) -> None:
    """Where rows are wanted whole, or a name may mean two things, memory is what helps."""
    with store.room.enough(), store.cursor() as cursor, pytest.raises(QueryMemoryError):
        run(cursor, query, seconds=60, max_rows=10, execute=in_slices)


def test_few_rows_of_many_are_taken_from_each_slice(store: Store) -> None:
    """A LIMIT holds for a slice as well: what nobody asked for is not kept."""
    query = "SELECT payload FROM events WHERE length(payload::VARCHAR) > 10 ORDER BY seq DESC LIMIT 2"
    with store.room.enough(2), store.cursor() as cursor:
        in_slices(cursor, query)
        found = rows(cursor)
        kept = cursor.execute("SELECT count(*) FROM sliced_0").fetchall()
    assert ["ls 600", "ls 599"] == [row[0].partition('command":"')[2][:6] for row in found]
    assert 2 <= kept[0][0] <= 40


class Watched:
    """A store, and how many times its memory was asked of it for each attempt."""

    def __init__(self, store: Store) -> None:
        self.cursor = store.cursor
        self.room: Any = self
        self.given: list[float] = []
        self._room = store.room

    def enough(self, times: float) -> contextlib.AbstractContextManager[None]:
        """As the store's."""
        self.given.append(times)
        return self._room.enough(times)


def test_a_search_through_everything_takes_little_memory(store: Store) -> None:
    """A text search over all that is stored is answered with the memory that any query has."""
    watched = Watched(store)
    assert [[1]] == answer(watched, LOOK_INTO_ALL[0], seconds=60, max_rows=10).rows
    assert [1, 1] == watched.given


def test_what_must_see_all_at_once_gets_more_memory(store: Store) -> None:
    """When neither the whole nor slices do with what there is, the query has more."""
    watched = Watched(store)
    query = "SELECT count(DISTINCT e.payload::VARCHAR) FROM events e JOIN sessions s USING (session_id)"
    assert [[600]] == answer(watched, query, seconds=60, max_rows=10).rows
    assert 1 < max(watched.given)


def test_attempts_share_the_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a query is tried, it has the time of one: each attempt has what those before it left."""
    left: list[float] = []

    def run_out_of_memory(*_: Any, seconds: float, **__: Any) -> Any:
        left.append(seconds)
        time.sleep(0.2)
        raise QueryMemoryError("out of memory")

    monkeypatch.setattr(sql, "run", run_out_of_memory)
    with pytest.raises(QueryMemoryError):
        sql.answer(store, "SELECT 1", seconds=0.5, max_rows=10)
    assert [0.5] == left[:1]
    assert left == sorted(left, reverse=True)
    assert sql.LEAST_SECONDS == left[-1]
