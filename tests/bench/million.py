"""A million events: the batch route, the store behind it, SQL over them, memory after them, start-up with them.

`uv run python -m tests.bench --only million`. They are posted as anyone would, by the batch route, each different
from all others, and stay for all of these lines. The answers of the route say how many were taken.
"""

import http.client
import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tests.bench.ack import timed
from tests.bench.bodies import encoded, guide_event
from tests.bench.lines import Line, Options, median
from tests.bench.machine import Spent, both, private_mb, wait_until
from tests.servers import scratch
from tests.sidecar_process import API, Sidecar, running_sidecar

BATCH = 500
SENDERS = 2
SETTINGS = {"LEANVIBE_SQL_TIMEOUT_SECONDS": "120"}
QUERIES = {
    "count by type": "SELECT event_type, count(*) FROM events GROUP BY 1",
    "percentiles by tool": "SELECT tool_name, quantile_cont(execution_time_ms, [0.5, 0.99]) FROM events GROUP BY 1",
    "tool_stats": "SELECT * FROM tool_stats",
    "sessions, the newest 50": "SELECT * FROM sessions ORDER BY ALL DESC LIMIT 50",
    "errors, 100": "SELECT * FROM errors LIMIT 100",
    "one session's tool_calls": "SELECT * FROM tool_calls WHERE session_id = (SELECT max(session_id) FROM events)",
    "text search": "SELECT count(*) FROM events WHERE payload::VARCHAR ILIKE '%part_77777 %'",
}
PATIENCE = 900.0


class Batches:
    """Threads that post batches one after the other on connections of their own.

    Args:
        url: of the sidecar.
        total: how many events in all.
    """

    def __init__(self, url: str, total: int) -> None:
        self._where = urlsplit(url)
        self._numbers = itertools.count()
        self._total = total
        self.sent_bytes = 0
        self.taken = 0
        self._lock = threading.Lock()

    def send(self) -> None:
        """Posts all of them."""
        threads = [threading.Thread(target=self._run) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _run(self) -> None:
        assert self._where.hostname
        connection = http.client.HTTPConnection(self._where.hostname, self._where.port, timeout=120)
        for body in self._bodies():
            connection.request("POST", f"{API}/hook-events", body, {"Content-Type": "application/json"})
            answer = msgspec.json.decode(connection.getresponse().read())
            with self._lock:
                self.taken += answer["processed"]
                self.sent_bytes += len(body)
        connection.close()

    def _bodies(self) -> Iterator[bytes]:
        while (first := next(self._numbers) * BATCH) < self._total:
            yield msgspec.json.encode([guide_event(number) for number in range(first, first + BATCH)])


def run(options: Options) -> list[Line]:
    """All lines about many events."""
    total = options.of(1_000_000, 20_000)
    with scratch() as home:
        with running_sidecar(SETTINGS, home=home) as sidecar:
            lines = filled(sidecar, total, options)
            lines += [query_line(sidecar, name, query, options) for name, query in QUERIES.items()]
            lines.append(private(sidecar, f"private memory after {total:,} events and these queries"))
        return lines + started(home, total, options)


def filled(sidecar: Sidecar, total: int, options: Options) -> list[Line]:
    """Posts them, in portions whose rates are the spread; waits for the store."""
    rates, costs, size, taken, began, own = [], [], 0, 0, time.monotonic(), time.process_time()
    for _ in range(options.rounds):
        batches, spent = Batches(sidecar.url, total // options.rounds), Spent(sidecar)
        rates.append(total // options.rounds / timed(batches.send))
        costs.append(spent.micros(batches.taken)[0])
        size, taken = size + batches.sent_bytes, taken + batches.taken
    share = (time.process_time() - own) / (time.monotonic() - began)
    wait_for_store(sidecar)
    whole = time.monotonic() - began
    stored = checkpointed_bytes(sidecar)
    return [
        median("batch route", rates, "events/s", budget=20_000, at_least=True,
               comparison=f"{taken:,} of {total:,} taken, {BATCH} a request, {SENDERS} connections; "
               f"the client took {share:.0%} of a core"),
        median("batch route: CPU of the front", costs, "µs/event"),
        Line("from the first batch until all are in the store", total / whole, "events/s"),
        Line("store : raw JSON bytes", stored / size, "×", budget=0.5, comparison=f"{stored / total:.0f} of "
             f"{size / total:.0f} bytes an event"),
        private(sidecar, f"private memory after {total:,} events", budget=160),
    ]  # fmt: skip


def wait_for_store(sidecar: Sidecar) -> None:
    """Until the store holds everything."""
    deadline = time.monotonic() + PATIENCE
    while sidecar.health()["components"]["store"]["lag_events"] > 0:
        if time.monotonic() > deadline:
            raise TimeoutError("the store did not keep up")
        time.sleep(0.05)


def checkpointed_bytes(sidecar: Sidecar) -> int:
    """Bytes of everything that the store keeps, the log that waits for a checkpoint left out."""
    folder = sidecar.data_dir
    files = [*folder.glob("store.duckdb"), *folder.rglob("*.parquet")]
    return sum(file.stat().st_size for file in files)


def query_line(sidecar: Sidecar, name: str, query: str, options: Options) -> Line:
    """Median time of one query, as the client sees it."""
    times = []
    for _ in range(options.rounds):
        began = time.monotonic()
        answer = sidecar.post(f"{API}/sql", {"query": query}, headers=sidecar.bearer, timeout=180)
        times.append((time.monotonic() - began) * 1000)
        if answer.status_code != 200:
            return Line(f"SQL: {name}", None, "ms", note=answer.text[:150])
    return median(f"SQL: {name}", times, "ms")


def private(sidecar: Sidecar, name: str, budget: float | None = None) -> Line:
    """Private memory of both processes now."""
    front, worker = map(private_mb, both(sidecar))
    return Line(name, front + worker, "MB", budget=budget, comparison=f"front {front:.0f}, worker {worker:.0f}")


def started(home: Path, total: int, options: Options) -> list[Line]:
    """Seconds from the command until it listens, with all that stored."""
    listening, answering = [], []
    for _ in range(options.rounds):
        sidecar = Sidecar(home, SETTINGS)
        began = time.monotonic()
        sidecar.start(with_worker=False)
        listening.append(time.monotonic() - began)
        wait_until(partial(answers, sidecar))
        answering.append(time.monotonic() - began)
        sidecar.close()
    size = statistics.median(file.stat().st_size for file in (home / "data").glob("store.duckdb"))
    raw = len(encoded(guide_event(1))) * total / 1e9
    stored = f"{total:,} events, {raw:.2g} GB of raw JSON, a store of {size / 1e6:,.0f} MB"
    return [
        median("start: until it listens", listening, "s", budget=1.5, comparison=stored),
        median("start: until SQL answers over all", answering, "s"),
    ]


def answers(sidecar: Sidecar) -> bool:
    """Whether it answers SQL, which waits for the store to have every event."""
    return sidecar.ask("SELECT count(*) FROM events").is_success
