"""How fast Redis and PostgreSQL take events: `uv run python -m tests.bench --only delivery`.

The exporters alone, in this process, against real servers; batches as the worker makes them.
"""

import time

from exporters import Exporter
from exporters.registry import EXPORTERS
from sidecar.events import HookEvent
from tests.bench.lines import Line, Options, median
from tests.bench.store import stored_events
from tests.servers import fresh_database, running_postgres, running_redis

BATCH = 512


def run(options: Options) -> list[Line]:
    """Events each second by sink, and the exporter's processor time for one."""
    made, _ = stored_events(options.of(20_000, 2_000))
    with running_redis() as memory:
        sink = EXPORTERS["redis"](url=memory.url, stream="leanvibe:events", maxlen=10**8)
        lines = delivered("Redis", sink, made)
    with running_postgres() as server, fresh_database(server) as dsn:
        return lines + delivered("PostgreSQL", EXPORTERS["postgres"](dsn=dsn), made)


def delivered(name: str, sink: Exporter[HookEvent], made: list[HookEvent]) -> list[Line]:
    """All of them in batches; rates of each fifth."""
    sink.start()
    sink.export(made[:BATCH])
    rates, costs, fifth = [], [], max(BATCH, len(made) // 5)
    for begin in range(BATCH, len(made), fifth):
        part = made[begin : begin + fifth]
        spent, began = time.process_time(), time.monotonic()
        for first in range(0, len(part), BATCH):
            sink.export(part[first : first + BATCH])
        rates.append(len(part) / (time.monotonic() - began))
        costs.append((time.process_time() - spent) / len(part) * 1e6)
    sink.close()
    return [
        median(f"{name}, batches of {BATCH}", rates, "events/s"),
        median(f"{name}: CPU of the exporter", costs, "µs/event"),
    ]
