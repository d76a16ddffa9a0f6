"""How processor time grows with the size of events, with clients and with sinks.

`uv run python -m tests.bench --only growth`. Of each process on its own, until all that was sent is everywhere, so
that neighbours of the machine count for little.
"""

import contextlib

from tests.bench import load
from tests.bench.bodies import of_size
from tests.bench.lines import Line, Options, median
from tests.bench.machine import Spent
from tests.bench.million import wait_for_store
from tests.bench.paced import HOOKS
from tests.bench.sinks import all_sinks, drained
from tests.sidecar_process import Sidecar, running_sidecar

SIZES = {"1 KB": 1_000, "10 KB": 10_000, "100 KB": 100_000}


def run(options: Options) -> list[Line]:
    """Microseconds an event, front and worker."""
    with running_sidecar() as sidecar:
        lines = [
            line for name, size in SIZES.items() for line in cost(sidecar, f"{name}, 16 clients", size, 16, options)
        ]
        for clients in (1, 64):
            lines += cost(sidecar, f"1 KB, {clients} client{'s' if clients > 1 else ''}", 1_000, clients, options)
    with contextlib.ExitStack() as stack:
        sinks = stack.enter_context(all_sinks())
        for name, wanted in {"Redis": "REDIS", "PostgreSQL": "POSTGRES", "OTLP": "OTLP", "all": ""}.items():
            settings = {key: value for key, value in sinks.environment.items() if wanted in key}
            with running_sidecar(settings) as sidecar:
                lines += cost(sidecar, f"1 KB, 16 clients, sink {name}", 1_000, 16, options)
    return lines


def cost(sidecar: Sidecar, title: str, size: int, clients: int, options: Options) -> list[Line]:
    """Of windows that each end when nothing is left to do."""
    costs = []
    for _ in range(options.of(5, 1)):
        spent = Spent(sidecar)
        window = load.window(sidecar.url + HOOKS, of_size(size), clients, 1)
        wait_for_store(sidecar)
        drained(sidecar)
        costs.append(spent.micros(window.requests))
    fronts, workers = zip(*costs, strict=True)
    return [
        median(f"CPU of the front: {title}", fronts, "µs/event"),
        median(f"CPU of the worker: {title}", workers, "µs/event"),
    ]
