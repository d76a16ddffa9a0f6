"""What each sink holds, held against what was acknowledged."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
import redis

from tests.faults.traffic import key
from tests.otlp_receiver import ReceivedSpan
from tests.sidecar_process import Sidecar

PAGE = 5000


class Held(NamedTuple):
    """One record of a sink: the id that no other record may share, and the key of the load's event."""

    record_id: str
    key: str


@dataclass(frozen=True)
class Tally:
    """One sink: acknowledged events that it lacks, and how many records it holds more than once."""

    sink: str
    lost: tuple[str, ...]
    duplicates: int

    def __str__(self) -> str:
        examples = f"  e.g. {', '.join(self.lost[:5])}" if self.lost else ""
        return f"{self.sink:<9} lost {len(self.lost)}  duplicates {self.duplicates}{examples}"


def tally(sink: str, expected: Iterable[str], held: Collection[Held]) -> Tally:
    """Compares; what was never acknowledged may be there all the same, since an answer can be lost too."""
    lost = sorted(set(expected) - {one.key for one in held})
    return Tally(sink, tuple(lost), len(held) - len({one.record_id for one in held}))


def in_store(sidecar: Sidecar) -> list[Held]:
    """The events that SQL sees."""
    held: list[Held] = []
    last = 0
    columns = "seq, event_id, hook_event_name, tool_use_id, prompt_id"
    while rows := sidecar.sql(f"SELECT {columns} FROM events WHERE seq > {last} ORDER BY seq LIMIT {PAGE}"):
        last = rows[-1][0]
        held += [Held(row[1], key(*row[2:])) for row in rows]
    return held


def doubled_spans(sidecar: Sidecar) -> int:
    """Rows of `spans` beside the first of their id."""
    return int(sidecar.sql("SELECT count(*) - count(DISTINCT (trace_id, span_id)) FROM spans")[0][0])


def in_redis(url: str) -> list[Held]:
    """The entries of the stream."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return [
            Held(one["event_id"], key(one["hook_event_name"], one.get("tool_use_id"), one.get("prompt_id")))
            for one in _entries(client)
        ]


def in_postgres(dsn: str) -> list[Held]:
    """The rows of the table."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT event_id, hook_event_name, tool_use_id, prompt_id FROM leanvibe_events")
        return [Held(row[0], key(*row[1:])) for row in rows]


def in_spans(spans: Iterable[ReceivedSpan]) -> list[Held]:
    """The spans that a backend received; a tool's under the key of the event that ended it."""
    return [
        Held(
            f"{span.trace_id}:{span.span_id}", key("PostToolUse", span.attributes.get("gen_ai.tool.call.id"), "none")
        )
        for span in spans
    ]


def _entries(client: Any) -> Iterator[dict[str, str]]:
    after = "-"
    while page := client.xrange("leanvibe:events", min=after, count=PAGE):
        after = f"({page[-1][0]}"
        yield from (fields for _, fields in page)
