"""Every recorded session, through HTTP into the real sidecar, found in every sink; its secrets in none."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import psycopg.rows
import pytest
import redis

from sidecar.events import FIELDS
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan
from tests.servers import Server, fresh_database
from tests.sidecar_process import Sidecar, until

SESSIONS = Path(__file__).parent.parent / "data" / "sessions"
TOOL_ENDS = {"PostToolUse", "PostToolUseFailure"}
EXPECTED_TOOL_CALLS = {"basic": 5, "failure": 4, "parallel": 7}
MAXLEN = 100_000


class Replay:
    """The sidecar with all sinks on, after every recording was posted and every sink has all of it."""

    def __init__(self, sidecar: Sidecar, redis_url: str, dsn: str, receiver: OtlpReceiver) -> None:
        self.sidecar = sidecar
        self.posted = {name: bodies(name) for name in session_names()}
        for recording in self.posted.values():
            for body in recording:
                answer = sidecar.post_native(body)
                assert (204, b"") == (answer.status_code, answer.content)
        sidecar.wait_for_sinks("redis", "postgres", "otlp", "otlp-logs")
        until(lambda: self.tool_use_ids() <= call_ids(receiver.spans), "every tool call is exported", sidecar.output)
        self.rows = [
            dict(zip(FIELDS, row, strict=True)) for row in sidecar.sql(f"SELECT {', '.join(FIELDS)} FROM events")
        ]
        self.entries = stream(redis_url)
        self.table = table(dsn)
        self.spans = list(receiver.spans)
        self.logs = list(receiver.logs)
        self.requests = [request.body for request in receiver.requests]

    def tool_use_ids(self, name: str | None = None) -> set[str]:
        """Ids of the tool calls whose end was recorded, in one session or in all."""
        wanted = [name] if name else list(self.posted)
        ends = (body for one in wanted for body in self.posted[one] if body["hook_event_name"] in TOOL_ENDS)
        return {body["tool_use_id"] for body in ends}


@pytest.fixture(scope="module", name="replay")
def _replay(
    tmp_path_factory: pytest.TempPathFactory, redis_server: Server, postgres_server: Server
) -> Iterator[Replay]:
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    postgres_server.start()
    with fresh_database(postgres_server) as dsn, OtlpReceiver() as receiver:
        env = {
            "LEANVIBE_REDIS_URL": redis_server.url,
            "LEANVIBE_REDIS_MAXLEN": str(MAXLEN),
            "LEANVIBE_POSTGRES_DSN": dsn,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        }
        sidecar = Sidecar(tmp_path_factory.mktemp("sinks"), env).start()
        try:
            yield Replay(sidecar, redis_server.url, dsn, receiver)
        finally:
            sidecar.close()


def test_every_event_is_in_the_store(replay: Replay) -> None:
    """Each acknowledged event is one row, in the order of the acknowledgements."""
    expected = [(body["session_id"], body["hook_event_name"]) for one in replay.posted.values() for body in one]

    assert expected == [(row["session_id"], row["hook_event_name"]) for row in replay.rows]
    assert list(range(1, 206)) == [row["seq"] for row in replay.rows]


def test_every_event_is_in_redis(replay: Replay) -> None:
    """The stream holds the same events as the store, field by field."""
    assert [comparable(row) for row in replay.rows] == [comparable(entry) for entry in replay.entries]


def test_every_event_is_in_postgres(replay: Replay) -> None:
    """The table holds the same events as the store, field by field."""
    assert [comparable(row) for row in replay.rows] == [comparable(row) for row in replay.table]


def test_every_event_is_a_log_record(replay: Replay) -> None:
    """Each event is one log record with its id; where it names a span, that span was exported."""
    exported = {(span.trace_id, span.span_id) for span in replay.spans} | {(None, None)}

    assert [row["event_id"] for row in replay.rows] == [one.attributes["log.record.uid"] for one in replay.logs]
    assert set() == {(one.trace_id, one.span_id) for one in replay.logs} - exported
    assert {"claude-code"} == {one.resource["service.name"] for one in replay.logs}


@pytest.mark.parametrize("name", EXPECTED_TOOL_CALLS)
def test_every_tool_call_is_one_span(replay: Replay, name: str) -> None:
    """Each tool call whose end was recorded is exactly one span, under a span of the same trace, within its time."""
    wanted = replay.tool_use_ids(name)
    spans = [span for span in tool_calls(replay.spans) if span.attributes["gen_ai.tool.call.id"] in wanted]
    by_id = {(span.trace_id, span.span_id): span for span in replay.spans}

    assert EXPECTED_TOOL_CALLS[name] == len(wanted) == len(spans)
    for span in spans:
        parent = by_id[span.trace_id, span.parent_span_id or ""]
        assert parent.name.startswith("invoke_agent")
        assert parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns


def test_spans_run_from_receipt_to_receipt(replay: Replay) -> None:
    """A tool's span begins when its PreToolUse was received and ends when its end was."""
    calls = replay.sidecar.sql("SELECT tool_use_id, epoch_us(started_at), epoch_us(ended_at) FROM tool_calls")
    expected = {call: (start * 1000, end * 1000) for call, start, end in calls}

    found = {
        span.attributes["gen_ai.tool.call.id"]: (span.start_ns, span.end_ns) for span in tool_calls(replay.spans)
    }

    assert expected == {call: found[call] for call in expected}


def test_columns_name_the_span(replay: Replay) -> None:
    """`trace_id` and `span_id` of a tool's rows are those of its span."""
    ends = {row["tool_use_id"]: row for row in replay.rows if row["hook_event_name"] in TOOL_ENDS}
    found = {span.attributes["gen_ai.tool.call.id"]: span for span in tool_calls(replay.spans)}

    assert {(row["trace_id"], row["span_id"]) for row in ends.values()} == {
        (found[call].trace_id, found[call].span_id) for call in ends
    }


def test_exported_spans_can_be_asked(replay: Replay) -> None:
    """The table `spans` holds the spans that the backend got."""
    expected = {(span.trace_id, span.span_id, span.name) for span in replay.spans}
    query = "SELECT trace_id, span_id, name FROM spans"

    until(lambda: expected == set(map(tuple, replay.sidecar.sql(query))), "spans are stored", replay.sidecar.output)


def test_secrets_are_nowhere(replay: Replay) -> None:
    """No secret of the recordings is in the store, Redis, PostgreSQL, OTLP, a file, or anything that was said."""
    replay.sidecar.sql("SELECT 1")
    places = {
        **replay.sidecar.files(),
        "rows": text_of(replay.rows),
        "redis": text_of(replay.entries),
        "postgres": text_of(replay.table),
        **{f"otlp request {number}": body for number, body in enumerate(replay.requests)},
    }

    leaks = {
        (secret, place) for secret in secrets() for place, content in places.items() if secret.encode() in content
    }

    assert set() == leaks


def test_the_recordings_do_hold_the_secrets() -> None:
    """The search above could find them: each secret is in the recording as it was posted."""
    raw = text_of(bodies("pii")).decode()

    assert [] == [secret for secret in secrets() if secret not in raw]


def session_names() -> list[str]:
    return [path.name.partition(".")[0] for path in sorted(SESSIONS.glob("*.jsonl.gz"))]


def bodies(name: str) -> list[dict[str, Any]]:
    lines = gzip.decompress((SESSIONS / f"{name}.jsonl.gz").read_bytes()).splitlines()
    return [json.loads(line)["body"] for line in lines]


def secrets() -> list[str]:
    return gzip.decompress((SESSIONS / "pii.secrets.txt.gz").read_bytes()).decode().splitlines()


def stream(url: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return [fields for _, fields in client.xrange("leanvibe:events")]


def table(dsn: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute("SELECT * FROM leanvibe_events ORDER BY seq").fetchall()


def tool_calls(spans: list[ReceivedSpan]) -> list[ReceivedSpan]:
    return [span for span in spans if "gen_ai.tool.call.id" in span.attributes]


def call_ids(spans: list[ReceivedSpan]) -> set[str]:
    return {span.attributes["gen_ai.tool.call.id"] for span in tool_calls(spans)}


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """The fields that every sink must hold alike, in one form: ids and names as text, the payload decoded."""
    names = ("seq", "event_id", "event_type", "session_id", "prompt_id", "tool_use_id", "trace_id", "span_id")
    payload = row["payload"]
    shown = {name: None if row.get(name) is None else str(row[name]) for name in names}
    return {**shown, "payload": json.loads(payload) if isinstance(payload, str) else payload}


def text_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode()
