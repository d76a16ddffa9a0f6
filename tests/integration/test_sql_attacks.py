"""What a user's SQL may cost: an error or the worker, never the store, the host or an acknowledgement."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.background import beside
from tests.integration.ingest import NATIVE
from tests.sidecar_process import JSON, Sidecar, running_sidecar
from tests.waiting import until

EVENT = b'{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","c":"stored"}'


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with running_sidecar({"LEANVIBE_SQL_TIMEOUT_SECONDS": "2"}) as sidecar:
        sidecar.post(NATIVE, EVENT)
        yield sidecar


class Load:
    """Posts events over one connection; keeps the statuses."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.statuses: list[int] = []
        self._port = sidecar.port

    def run(self, over: threading.Event) -> None:
        """One after the other."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            while not over.wait(0.005):
                connection.request("POST", NATIVE, EVENT, JSON)
                answer = connection.getresponse()
                answer.read()
                self.statuses.append(answer.status)


REFUSED = [
    "DELETE FROM events_hot",
    "COPY events TO '/tmp/leanvibe-attack.csv'",
    "ATTACH '/tmp/leanvibe-attack.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET threads = 1",
    "SET VARIABLE x = 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "BEGIN",
    "ROLLBACK",
    "CHECKPOINT",
    "EXPORT DATABASE '/tmp/leanvibe-attack'",
    "PREPARE x AS SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM \"READ_TEXT\"('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH t AS MATERIALIZED (SELECT * FROM read_text('/etc/passwd')) FROM t",
    "SELECT getenv('HOME')",
    "SELECT nextval('x')",
    "SELECT pg_sleep(1000)",
    "SELECT list_transform([1], lambda x: sleep_ms(100000))",
    "SELECT 1 LIMIT sleep_ms(5)",
    "SELECT COLUMNS(lambda x: sleep_ms(5) > 0) FROM events",
    "SELECT * FROM query('DELETE FROM events_hot')",
    "SELECT main.query('x')",
    "SELECT * FROM query_table('events')",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM json_execute_serialized_sql('x')",
    "SELECT " + ", ".join(["1"] * 60_000),
    "INSERT INTO events_hot SELECT * FROM events_hot",
    "UPDATE events_hot SET payload = ''",
    "TRUNCATE events_hot",
    "DROP VIEW events",
    "ALTER TABLE events_hot ADD COLUMN x INT",
    "CREATE OR REPLACE MACRO lower(x) AS 1",
    "MERGE INTO events_hot USING events_hot AS o ON false WHEN MATCHED THEN DELETE",
    "IMPORT DATABASE '/tmp/leanvibe-attack'",
    "DETACH store",
    "USE memory",
    "RESET memory_limit",
    "SET GLOBAL enable_external_access = true",
    "SET lock_configuration = false",
    "PRAGMA enable_profiling",
    "PRAGMA disable_checkpoint_on_shutdown",
    "CALL checkpoint()",
    "CALL pragma_version()",
    "CALL force_checkpoint()",
    "EXECUTE x",
    "DEALLOCATE x",
    "VACUUM",
    "COMMENT ON TABLE events_hot IS 'x'",
    "CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')",
    "SELECT 1 /* ; */ ; -- x\nDROP VIEW events",
    "/* */ DELETE FROM events_hot -- SELECT",
    "SELECT 1;;DELETE FROM events_hot",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "COPY events_hot FROM '/etc/passwd'",
    "COPY FROM DATABASE store TO memory",
    "EXPLAIN SELECT * FROM read_text('/etc/passwd')",
    "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
    "SUMMARIZE SELECT * FROM read_csv('/etc/passwd')",
    "PIVOT read_csv('/etc/passwd') ON column0",
    "SELECT * FROM read_json_auto('/etc/passwd')",
    "SELECT * FROM read_parquet('http://127.0.0.1:1/x')",
    "SELECT * FROM parquet_scan('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM read_duckdb('/tmp/x')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pg_settings",
    "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'temp_directory'",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM duckdb_secrets",
    "SELECT * FROM pg_database",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_databases",
    'SELECT * FROM system.main."PRAGMA_DATABASE_LIST"',
    "SELECT (SELECT path FROM duckdb_databases LIMIT 1)",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM sql_auto_complete('SELECT * FROM ')",
    "CALL sql_auto_complete('SEL')",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_external_file_cache()",
    "SELECT * FROM duckdb_variables()",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM python_map_function(1)",
    "SELECT * FROM force_checkpoint()",
    "SELECT * FROM truncate_duckdb_logs()",
    "SELECT * FROM enable_logging()",
    "SELECT * FROM pragma_storage_info('events_hot')",
    "SELECT * FROM pragma_user_agent()",
    "FROM query_table(['events', 'cursors'])",
    "SELECT write_log('x')",
    "SELECT current_setting('data_directory')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT current_query()",
    "SELECT error(getenv('HOME'))",
    "SELECT [getenv(x) FOR x IN ['HOME']]",
    "SELECT (SELECT max(getenv('HOME')) FROM events)",
    "SELECT 1 ORDER BY getenv('HOME')",
    "SELECT count(*) FILTER (WHERE getenv('HOME') > '') FROM events",
    "SELECT count(*) OVER (ORDER BY getenv('HOME')) FROM events",
    "SELECT * FROM events QUALIFY getenv('HOME') > ''",
    "SELECT 'HOME'.getenv()",
    "SELECT * FROM (VALUES (getenv('HOME')))",
    "SELECT * FROM range(length(getenv('HOME')))",
    "SELECT * FROM events WHERE seq IN (SELECT seq FROM glob('/*'))",
    "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT length(getenv('HOME')) FROM t) SELECT * FROM t",
    "SELECT * FROM events, LATERAL (SELECT * FROM glob('/*'))",
]


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:60])
def test_what_is_not_one_reading_select_is_refused(sidecar: Sidecar, query: str) -> None:
    """Anything that writes, reaches outside, waits or runs text as SQL is a 403 that says what it was."""
    answer = sidecar.ask(query)
    assert 403 == answer.status_code
    assert answer.json()["error"]


FAILED = [
    "SELECT",
    "SELECT * FROM nothing",
    "SELECT ?",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '/etc/hosts.csv'",
    "SELECT * FROM 'http://127.0.0.1:1/x.parquet'",
    "SELECT * FROM cursor",
    "UPDATE EXTENSIONS",
    "SELECT * FROM sidecar",
    "SELECT * FROM self",
    "SELECT * FROM query",
    "FROM '/proc/self/environ'",
    "FROM 's3://bucket/x.parquet'",
    "FROM '/tmp/*.parquet'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT $1",
    "SELECT $name",
    "WITH t AS (INSERT INTO events_hot SELECT * FROM events_hot RETURNING *) SELECT * FROM t",
    "WITH t AS (UPDATE events_hot SET payload = '' RETURNING *) SELECT * FROM t",
    "WITH t AS (DELETE FROM events_hot RETURNING *) SELECT * FROM t",
    "SELECT " + "(" * 40_000 + "1" + ")" * 40_000,
    "SELECT INTERVAL 100000000 YEAR",
    "SELECT DATE '290000-01-01' + INTERVAL 9999999 YEAR",
]


@pytest.mark.parametrize("query", FAILED, ids=lambda query: query[:60])
def test_what_cannot_run_says_why(sidecar: Sidecar, query: str) -> None:
    """A query that DuckDB refuses is a 400 with its reason, and deletes nothing."""
    before = sidecar.count()
    answer = sidecar.ask(query)
    assert 400 == answer.status_code
    assert answer.json()["error"]
    assert before == sidecar.count()


def test_a_query_nested_through_thousands_of_joins_is_answered(sidecar: Sidecar) -> None:
    """A statement whose tree is too deep to look through is refused, not a broken connection."""
    assert 403 == sidecar.ask("SELECT count(*) FROM " + ",".join(["cursors"] * 3000)).status_code


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
        "SELECT count(*) FROM range(10000000000) a, range(100000) b",
        "SELECT count(*) FROM generate_series(1, 100000000000)",
        "SELECT count(*) FROM range(100000000) WHERE regexp_matches(repeat('a', 200) || range, '(a|aa)+$')",
        "SELECT count(*) FROM range(1000000) a JOIN range(1000000) b ON a.range % 7 < b.range % 11",
        "SELECT count(DISTINCT a.range * b.range) FROM range(100000) a, range(100000) b",
    ],
)
def test_an_endless_query_is_stopped(sidecar: Sidecar, query: str) -> None:
    """A query without end is a 422 at its time limit; events are taken all the while."""
    with beside(Load(sidecar)) as load:
        answer = sidecar.ask(query)
    assert (422, "stopped after 2 s") == (answer.status_code, answer.json()["error"])
    assert {204} == set(load.statuses)
    assert 200 == sidecar.ask("SELECT 1").status_code


def test_ten_million_rows_are_truncated(sidecar: Sidecar) -> None:
    """An answer has at most as many rows as set, and says when there were more; just as many is no more."""
    answer = sidecar.ask("SELECT * FROM range(10000000)").json()
    assert (10_000, True) == (answer["row_count"], answer["truncated"])
    answer = sidecar.ask("SELECT * FROM range(10000)").json()
    assert (10_000, False) == (answer["row_count"], answer["truncated"])


@pytest.mark.parametrize(
    "row", ["repeat('x', 1000000)", "repeat(chr(1), 30000)", "range(100000)", "{'a': range(9999)}"]
)
def test_large_rows_end_an_answer(sidecar: Sidecar, row: str) -> None:
    """An answer is bounded in bytes as they are sent, whatever they are made of, or it costs the worker."""
    answer = sidecar.ask(f"SELECT {row} FROM range(5000)")
    until(lambda: 200 == sidecar.ask("SELECT 1").status_code, "SQL is answered", sidecar.output)
    assert answer.status_code in {200, 422, 503}  # 503: it cost the worker, which is started again
    assert 40 << 20 > len(answer.content)
    assert 200 != answer.status_code or answer.json()["truncated"]


BOMBS = [
    "SELECT repeat('x', 2000000000)",
    "SELECT length(repeat('x', 2000000000))",
    "SELECT list_transform(range(20000000), lambda x: x + 1)",
    "SELECT list(range) FROM range(1000000000)",
    "SELECT repeat(chr(1), 40000000)",
    "SELECT lpad('', 2000000000, 'x')",
    "SELECT string_agg(repeat('x', 1000), '') FROM range(10000000)",
    "SELECT list_sort(range(200000000))",
    "SELECT range(1000000000)",
    "SELECT map_from_entries(list_transform(range(20000000), lambda x: {'k': x, 'v': x}))",
    "SELECT repeat('x', 1000000000)::JSON",
    "SELECT regexp_extract_all(repeat('a', 200000000), 'a')",
    "SELECT string_split(repeat('a,', 300000000), ',')",
]


@pytest.mark.parametrize("query", BOMBS)
def test_a_bomb_costs_at_most_the_worker(sidecar: Sidecar, query: str) -> None:
    """A query that takes all memory ends with an error or ends the worker; the next one works within seconds."""
    before = sidecar.count()
    with beside(Load(sidecar)) as load:
        assert 200 != sidecar.ask(query).status_code or "lpad" in query or "chr" in query
        until(lambda: 200 == sidecar.ask("SELECT 1").status_code, "SQL is answered", sidecar.output)
    assert {204} == set(load.statuses)
    assert before + len(load.statuses) == sidecar.count(), sidecar.output()


VALUES = {
    "INTERVAL 1 MONTH": "30 days 00:00:00",
    "1.50::DECIMAL(10, 2)": 1.5,
    "1234567890.123456789::DECIMAL(20, 9)": "1234567890.123456789",
    "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "'ab'::BLOB": "6162",
    "MAP{'a': 1}": {"a": 1},
    "MAP{1: 2}": {"1": 2},
    "{'a': 1, 'b': NULL}": {"a": 1, "b": None},
    "'nan'::DOUBLE": "nan",
    "'-inf'::FLOAT": "-inf",
    "['inf'::DOUBLE, 1]": ["inf", 1.0],
    "9007199254740993": "9007199254740993",
    "170141183460469231731687303715884105727::HUGEINT": "170141183460469231731687303715884105727",
    "TIMESTAMP '2020-01-02 03:04:05.678'": "2020-01-02T03:04:05.678000",
    "TIMESTAMPTZ '2020-01-02 03:04:05+00'": "2020-01-02T03:04:05+00:00",
    "DATE '2020-01-02'": "2020-01-02",
    "DATE '290000-01-01'": "290000-01-01",
    "'infinity'::TIMESTAMP::VARCHAR": "infinity",
    "TIME '12:00:01.5'": "12:00:01.500000",
    "TIME '24:00:00'": "24:00:00",
    "'a'::ENUM('a', 'b')": "a",
    "'0101'::BIT": "0101",
    "'{\"a\": 1}'::JSON": '{"a": 1}',
    "array_value(1, 2)": [1, 2],
    "union_value(k := 1)": 1,
    "[[1], NULL]": [[1], None],
    "chr(0)": "\0",
    "NULL": None,
    "true": True,
}


@pytest.mark.parametrize("value", VALUES)
def test_every_type_comes_out_as_json(sidecar: Sidecar, value: str) -> None:
    """A value is JSON, in a form that changes no digit: a number where a double holds it, else text."""
    assert [[VALUES[value]]] == sidecar.sql(f"SELECT {value}")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"query": 1}', b'{"query": "SELECT 1", "more": 1}', b'{"query": "\\ud800"}']
)
def test_a_question_of_another_form_is_refused(sidecar: Sidecar, body: bytes) -> None:
    """What is no `{"query": text}` is a 400 in JSON."""
    answer = sidecar.post("/api/v1/observability/sql", body, headers=sidecar.bearer)
    assert 400 == answer.status_code
    assert answer.json()


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "before=99999999999999999999", "since=never", "after=-1&since=%00", "tool_name=%ff"],
)
def test_the_list_refuses_or_answers_any_filter(sidecar: Sidecar, query: str) -> None:
    """A filter that means nothing is a 400 or finds nothing; it is never an error of ours."""
    assert sidecar.raw("GET", f"/api/v1/observability/events?{query}", headers=sidecar.bearer).status_code in {
        200,
        400,
    }


def test_nothing_of_it_is_a_traceback(sidecar: Sidecar) -> None:
    """After all of the above, nobody wrote a traceback and the store holds what it held."""
    assert "Traceback" not in sidecar.output()
    assert [["stored"]] == sidecar.sql("SELECT payload->>'c' FROM events WHERE seq = 1")
