"""All three sinks as real servers, and what has arrived there."""

import contextlib
from collections.abc import Iterator

import psycopg
import redis

from tests.bench.machine import wait_until
from tests.otlp_receiver import OtlpReceiver
from tests.servers import fresh_database, running_postgres, running_redis
from tests.sidecar_process import Sidecar


class Sinks:
    """A Redis, a PostgreSQL and an OTLP receiver that counts.

    Args:
        redis_url: of an empty Redis.
        dsn: of an empty database.
        receiver: takes spans, log records and metrics.
    """

    def __init__(self, redis_url: str, dsn: str, receiver: OtlpReceiver) -> None:
        self._redis_url = redis_url
        self._dsn = dsn
        self._receiver = receiver

    @property
    def environment(self) -> dict[str, str]:
        """The settings that switch all of them on."""
        return {
            "LEANVIBE_REDIS_URL": self._redis_url,
            "LEANVIBE_REDIS_MAXLEN": "100000000",
            "LEANVIBE_POSTGRES_DSN": self._dsn,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._receiver.url,
        }

    def counts(self) -> dict[str, int]:
        """How many events each has; of OTLP the log records, one for each event."""
        with redis.Redis.from_url(self._redis_url) as client:
            stream = int(client.xlen("leanvibe:events"))
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute("SELECT count(*) FROM leanvibe_events").fetchone()
        assert row
        return {"redis": stream, "postgres": int(row[0]), "otlp": self._receiver.log_count}

    @property
    def spans(self) -> int:
        """How many spans came."""
        return self._receiver.count


@contextlib.contextmanager
def all_sinks() -> Iterator[Sinks]:
    """All of them, empty."""
    with (
        running_redis() as memory,
        running_postgres() as server,
        fresh_database(server) as dsn,
        OtlpReceiver(drop=True) as receiver,
    ):
        yield Sinks(memory.url, dsn, receiver)


def drained(sidecar: Sidecar) -> None:
    """Returns once every sink has passed every event that was acknowledged."""
    last = sidecar.health()["components"]["journal"]["last_seq"]
    wait_until(lambda: all(sink["seq"] >= last for sink in sidecar.health()["sinks"].values()))
