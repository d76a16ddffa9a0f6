"""Laws of the consumer that the Redis sink's page shows."""

import re
from pathlib import Path
from typing import Any

import pytest
import redis

from exporters.redis_streams import RedisStreamsConfig, RedisStreamsExporter
from tests.recorded_events import recorded_events

PAGE = Path(__file__).parents[2] / "exporters" / "redis_streams" / "README.md"
STREAM, GROUP = "leanvibe:events", "dashboard"


def consumer() -> Any:
    """The function of the page."""
    (shown,) = re.findall(r"^```python\n(.*?def consume.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[-1:]
    names: dict[str, Any] = {"__name__": "page"}
    exec(shown.rpartition("```python\n")[2], names)
    return names["consume"]


class _EnoughError(Exception):
    """The last event has come."""


def test_a_group_handles_every_event_once(redis_url: str) -> None:
    """Also what is in the stream twice, what another worker took and left, and what was trimmed under its hands."""
    events = recorded_events(40)
    handled: list[str] = []

    def handle(event: dict[str, str]) -> None:
        handled.append(event["event_id"])
        if event["event_id"] == events[-1].event_id:
            raise _EnoughError

    exporter = RedisStreamsExporter(RedisStreamsConfig(redis_url))
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        for batch in (events[:20], events[10:30], events[30:]):
            exporter.export(batch)
        exporter.close()
        client.xgroup_create(STREAM, GROUP, id="0")
        ((_, taken),) = client.xreadgroup(GROUP, "crashed", {STREAM: ">"}, count=5)
        client.xdel(STREAM, taken[0][0])

        with pytest.raises(_EnoughError):
            consumer()(client, handle, idle_ms=0)

    assert [one.event_id for one in events[1:]] == handled
