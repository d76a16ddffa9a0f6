"""What came out of the sidecar: Redis's stream, PostgreSQL's table, the live events of a WebSocket client."""

import json
from typing import Any

import psycopg
import psycopg.rows
import redis
from websockets.sync.client import ClientConnection

from tests.waiting import PATIENCE


def stream(url: str) -> list[dict[str, Any]]:
    """The entries of the stream, in its order."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        entries: Any = client.xrange("leanvibe:events")
    return [fields for _, fields in entries]


def table(dsn: str) -> list[dict[str, Any]]:
    """The rows of the table, in the journal's order."""
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute("SELECT * FROM leanvibe_events ORDER BY seq").fetchall()


def received(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    """The next events that a WebSocket client gets, from as many frames as they take."""
    events: list[dict[str, Any]] = []
    while len(events) < count:
        events += json.loads(client.recv(timeout=PATIENCE)).get("events", ())
    return events
