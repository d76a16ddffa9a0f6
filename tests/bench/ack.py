"""What an agent waits for, and how much is taken: against an empty handler and a bare synced append.

`uv run python -m tests.bench --only ack throughput`. Windows of all three alternate, medians count.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from tests.bench import empty_handler, load
from tests.bench.bodies import of_size
from tests.bench.least import bare_append_ms
from tests.bench.lines import Line, Options, median
from tests.bench.machine import Spent
from tests.bench.paced import HOOKS
from tests.bench.sinks import all_sinks, drained
from tests.sidecar_process import API, Sidecar, running_sidecar

SIZES = {"1 KB": 1_000, "10 KB": 10_000, "1 MB": 1_000_000}
CLIENTS = (1, 16, 64)
BUSY_QUERY = "SELECT count(*) FROM range(30000000) t(n) WHERE hash(n) % 7 = 1"


def run(options: Options) -> list[Line]:
    """Latency by clients and sizes."""
    with running_sidecar({"LEANVIBE_SQL_TIMEOUT_SECONDS": "60"}) as sidecar, empty_handler.running() as empty:
        lines = one_client(sidecar, empty.url, options)
        for clients in CLIENTS:
            for name, size in SIZES.items():
                if options.quick and (clients, name) not in {(16, "10 KB"), (1, "1 MB")}:
                    continue
                lines += compared(sidecar.url + HOOKS, empty.url, clients, name, of_size(size), options)
    return lines


def one_client(sidecar: Sidecar, empty: str, options: Options) -> list[Line]:
    """The budget's own lines: 1 KB, one client, beside a bare append, and while the worker is kept busy."""
    body, seconds = of_size(1_000), options.of(2, 1)
    ours, nothing, bare, crowded = [], [], [], []
    load.window(sidecar.url + HOOKS, body, 1, 1)
    for _ in range(options.rounds):
        ours.append(load.window(sidecar.url + HOOKS, body, 1, seconds))
        nothing.append(load.window(empty, body, 1, seconds))
        bare.append(bare_append_ms(body))
        with busy_worker(sidecar):
            crowded.append(load.window(sidecar.url + HOOKS, body, 1, seconds))
    ratios = [one.p50 / append for one, append in zip(ours, bare, strict=True)]
    beside = (
        f"empty handler {statistics.median(one.p50 for one in nothing):.2f} ms, "
        f"bare append + fdatasync {statistics.median(bare):.2f} ms"
    )
    return [
        median("ack, 1 client, 1 KB: p50", [one.p50 for one in ours], "ms", budget=0.8, comparison=beside),
        median("ack p50 : bare append + fdatasync", ratios, "×", budget=3),
        median("ack, 1 client, 1 KB: p99", [one.p99 for one in ours], "ms", budget=6),
        median("ack, 1 client, 1 KB, SQL runs: p99", [one.p99 for one in crowded], "ms", budget=6),
    ]


def compared(url: str, empty: str, clients: int, name: str, body: bytes, options: Options) -> list[Line]:
    """p50 and p99 at so many clients, beside the empty handler."""
    ours, nothing = [], []
    for _ in range(options.rounds):
        ours.append(load.window(url, body, clients, 1))
        nothing.append(load.window(empty, body, clients, 1))
    beside = f"empty handler {statistics.median(one.p50 for one in nothing):.2f} ms"
    note = "; ".join(filter(None, (load.limited_by_client(*ours), refused(ours))))
    title = f"ack, {clients} client{'s' if clients > 1 else ''}, {name}"
    return [
        median(f"{title}: p50", [one.p50 for one in ours], "ms", comparison=beside, note=note),
        median(f"{title}: p99", [one.p99 for one in ours], "ms"),
    ]


def throughput(options: Options) -> list[Line]:
    """Acknowledged events each second at 64 clients, against the empty handler: with all sinks on, then without."""
    return with_sinks(options) + without_sinks(options)


def with_sinks(options: Options) -> list[Line]:
    """All sinks take part in the same two cores; nothing is lost."""
    costs: list[tuple[float, float]] = []
    with all_sinks() as sinks, running_sidecar(sinks.environment) as sidecar:
        windows = against_nothing(sidecar, options, costs)
        drain = timed(lambda: drained(sidecar))
        sent = sum(one.requests - one.errors for one in (*windows.before, *windows.ours))
        missing = {name: sent - count for name, count in {**sinks.counts(), "store": sidecar.count()}.items()}
        dropped = sum(performance(sidecar.url).values())
    # What wrk had under way when a window ended was taken but not counted, so sinks may hold a little more.
    lost = max(0, *missing.values())
    return [
        *per_second("throughput, 64 clients, all sinks on", windows, 9_000),
        median("CPU of the front at 64 clients", [one[0] for one in costs], "µs/event",
               comparison=f"worker {statistics.median(one[1] for one in costs):.0f} µs meanwhile"),
        median("ack, 64 clients, 1 KB, all sinks on: p99", [one.p99 for one in windows.ours], "ms"),
        Line("of these events lacking in a sink or the store", lost, "events", budget=0, comparison=f"{sent:,} sent",
             note=f"{dropped} failed or dropped"),
        Line("until all sinks had them, after the last", drain, "s"),
    ]  # fmt: skip


def without_sinks(options: Options) -> list[Line]:
    """Only the store: one server against another."""
    with running_sidecar() as sidecar:
        windows = against_nothing(sidecar, options, [])
    return per_second("throughput, 64 clients, no sinks", windows, None)


class Windows(NamedTuple):
    """Of the sidecar, of the empty handler and of an empty route of the framework, in turn."""

    before: list[load.Window]
    """The sidecar's, to warm up."""
    ours: list[load.Window]
    nothing: list[load.Window]
    route: list[load.Window]


def against_nothing(sidecar: Sidecar, options: Options, costs: list[tuple[float, float]]) -> Windows:
    """Windows of all three in turn; `costs` gets the microseconds of front and worker."""
    body, seconds = of_size(1_000), options.of(4, 1)
    with empty_handler.running() as empty, empty_handler.running("route") as route:
        windows = Windows([load.window(sidecar.url + HOOKS, body, 64, 1)], [], [], [])
        for _ in range(options.rounds):
            spent = Spent(sidecar)
            windows.ours.append(load.window(sidecar.url + HOOKS, body, 64, seconds))
            costs.append(spent.micros(windows.ours[-1].requests))
            windows.nothing.append(load.window(empty.url, body, 64, seconds))
            windows.route.append(load.window(route.url, body, 64, seconds))
    return windows


def per_second(title: str, windows: Windows, budget: float | None) -> list[Line]:
    """Events each second, and their ratios to those of the empty handler and route in the windows that followed."""
    rates, nothing, route = ([one.per_second for one in kind] for kind in windows[1:])
    beside = f"empty handler {statistics.median(nothing):,.0f}/s, empty route {statistics.median(route):,.0f}/s"
    note = "; ".join(filter(None, (load.limited_by_client(*windows.ours), refused(windows.ours))))
    return [
        median(title, rates, "events/s", budget=budget, at_least=True, comparison=beside, note=note),
        median(f"{title} : empty handler", _ratios(rates, nothing), "×", budget=0.5, at_least=True),
        median(f"{title} : empty route of the framework", _ratios(rates, route), "×"),
    ]


def _ratios(rates: Sequence[float], others: Sequence[float]) -> list[float]:
    return [rate / other for rate, other in zip(rates, others, strict=True)]


def performance(url: str) -> dict[str, int]:
    """What was not taken and what was dropped."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    names = ("leanvibe_events_failed_total", "leanvibe_dropped_total")
    rows = (line.rpartition(" ") for line in text.splitlines() if line.startswith(names))
    return {name: int(float(value)) for name, _, value in rows}


def refused(windows: list[load.Window]) -> str:
    """A note when something was not answered with success."""
    errors = sum(one.errors for one in windows)
    return f"{errors} not answered with 2xx" if errors else ""


@contextmanager
def busy_worker(sidecar: Sidecar) -> Iterator[None]:
    """The worker answers one large query after the other."""
    stopping = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=90) as client:
            while not stopping.is_set():
                client.post(f"{sidecar.url}{API}/sql", json={"query": BUSY_QUERY}, headers=sidecar.bearer)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.monotonic()
    work()
    return time.monotonic() - began
