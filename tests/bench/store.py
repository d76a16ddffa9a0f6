"""Loading the store: rows each second of one core, and bytes an event beside raw JSON.

`uv run python -m tests.bench --only store`. In this process, without journal and network.
"""

import itertools
import time
from pathlib import Path

import duckdb

from sidecar.agents import normaliser_of
from sidecar.events import HookEvent
from sidecar.intake import Incoming, prepared
from sidecar.redact import PIIRedactor
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import Store
from tests.bench.bodies import encoded, events
from tests.bench.lines import Line, Options, median
from tests.servers import scratch

BATCH = 2000
MEMORY_MB = 64


def run(options: Options) -> list[Line]:
    """Rows each second, and size after a checkpoint."""
    batches = options.of(20, 3)
    made, raw = stored_events(batches * BATCH)
    with scratch() as folder:
        path = Path(folder) / "store.duckdb"
        store = Store(path, MEMORY_MB)
        rates = []
        for begin in range(0, len(made), BATCH):
            spent, began = time.process_time(), time.monotonic()
            store.load(made[begin : begin + BATCH], Notes())
            rates.append((BATCH / (time.process_time() - spent), BATCH / (time.monotonic() - began)))
        store.close()
        with duckdb.connect(str(path)) as connection:
            connection.execute("CHECKPOINT")
        size = path.stat().st_size
    count = len(made)
    return [
        median("store loading, batches of 2,000", [one[0] for one in rates], "rows/s of CPU"),
        median("store loading, as the clock sees it", [one[1] for one in rates], "rows/s"),
        Line("store : raw JSON bytes, recorded kinds", size / raw, "×", budget=0.5,
             comparison=f"{size / count:.0f} of {raw / count:.0f} bytes an event, {count:,} events"),
    ]  # fmt: skip


def stored_events(count: int) -> tuple[list[HookEvent], int]:
    """So many events as the journal holds them, and the bytes of their raw JSON."""
    redactor, normalise = PIIRedactor(), normaliser_of("claude-code")
    made, raw = [], 0
    for seq, event in enumerate(itertools.islice(events(), count), start=1):
        size = len(encoded(event))
        one = prepared(Incoming(event, size), normalise, redactor, "bench").event
        made.append(HookEvent(**{**{name: getattr(one, name) for name in one.__struct_fields__}, "seq": seq}))
        raw += size
    return made, raw
