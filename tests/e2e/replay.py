"""A rig: the real sidecar with every sink on, after recorded sessions went through it into all of them."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import redis

from sidecar.events import FIELDS
from tests.delivered import stream, table
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan
from tests.recorded import payloads
from tests.servers import Server, fresh_database
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until

TOOL_ENDS = {"PostToolUse", "PostToolUseFailure"}
MAXLEN = 100_000


class Replay:
    """The sidecar with all sinks on, after the recordings were posted and every sink has all of it."""

    def __init__(
        self, names: Sequence[str], sidecar: Sidecar, redis_url: str, dsn: str, receiver: OtlpReceiver
    ) -> None:
        self.sidecar = sidecar
        self.posted = {name: payloads(name) for name in names}
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


class Sinks(NamedTuple):
    """Where the sidecar delivers to."""

    redis_url: str
    dsn: str
    receiver: OtlpReceiver


@contextlib.contextmanager
def with_every_sink(
    redis_server: Server, postgres_server: Server, **settings: str
) -> Iterator[tuple[Sidecar, Sinks]]:
    """A sidecar with every sink on, all of them empty."""
    redis_server.start()
    postgres_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    with fresh_database(postgres_server) as dsn, OtlpReceiver() as receiver:
        env = {
            "LEANVIBE_REDIS_URL": redis_server.url,
            "LEANVIBE_REDIS_MAXLEN": str(MAXLEN),
            "LEANVIBE_POSTGRES_DSN": dsn,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            **settings,
        }
        with running_sidecar(env) as sidecar:
            yield sidecar, Sinks(redis_server.url, dsn, receiver)


@contextlib.contextmanager
def replayed(names: Sequence[str], redis_server: Server, postgres_server: Server) -> Iterator[Replay]:
    """These recordings in a sidecar and sinks of their own."""
    with with_every_sink(redis_server, postgres_server) as (sidecar, sinks):
        yield Replay(names, sidecar, *sinks)


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
