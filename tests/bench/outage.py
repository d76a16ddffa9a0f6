"""`python -m tests.bench.outage`: how fast a sink catches up after an outage, and what that costs ingest.

Redis is away for a while of steady traffic and comes back. Printed: how much faster than the traffic it catches up,
and the p99 of an acknowledgement in interleaved windows with and without a sink that catches up, as a ratio of
medians.
"""

import argparse
import contextlib
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import redis

from tests.bench.lines import Line, Options, median, table
from tests.servers import Server, running_redis, scratch
from tests.sidecar_process import Sidecar

MIN_WINDOW = 5.0
"""Seconds; a p99 of fewer acknowledgements says nothing."""

BODY = {
    "hook_event_name": "PostToolUse",
    "session_id": "s",
    "tool_name": "Bash",
    "tool_response": {"stdout": "x " * 400},
}


class Steady:
    """Posts at a fixed rate from one thread and keeps the time that each acknowledgement took, in milliseconds."""

    def __init__(self, sidecar: Sidecar, rate: float) -> None:
        self._sidecar = sidecar
        self._pause = 1 / rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.times: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        following = time.monotonic()
        while not self._stopping.is_set():
            started = time.perf_counter()
            assert 204 == self._sidecar.post_native(BODY).status_code
            self.times.append((time.perf_counter() - started) * 1000)
            following += self._pause
            self._stopping.wait(max(0.0, following - time.monotonic()))


def outage(sidecar: Sidecar, server: Server, seconds: float) -> int:
    """Takes Redis away for so many seconds, and returns when it gets events again; how many it then lacks.

    What it held is gone, so that its stream holds what came after.
    """
    server.kill()
    time.sleep(seconds)
    before = int(sidecar.health()["sinks"]["redis"]["lag_events"])
    server.start()
    wait_until(lambda: entries(server) > 0)
    return before


def entries(server: Server) -> int:
    """How many events Redis got since it came back."""
    with redis.Redis.from_url(server.url) as client:
        return int(client.xlen("leanvibe:events"))


def has(server: Server, events: int) -> bool:
    """Whether Redis has got that many."""
    return entries(server) >= events


def wait_until(done: Callable[[], bool]) -> None:
    """Within two minutes, beyond the longest pause between two attempts."""
    deadline = time.monotonic() + 120
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("Redis did not catch up")
        time.sleep(0.02)


def run(options: Options) -> list[Line]:
    """Outages of twenty seconds; the module's own command makes them as long as wanted."""
    with scratch() as directory:
        return measure(directory, options.of(20, 3), 200, options.rounds)


def measure(home: Path, seconds: float, rate: float, pairs: int) -> list[Line]:
    """Prints one line per pair of windows; the lines of speed and of both p99s."""
    catching_up: list[float] = []
    at_rest: list[float] = []
    speeds: list[float] = []
    with running_redis() as server, contextlib.closing(Sidecar(home, environment(server))) as sidecar:
        sidecar.start()
        with Steady(sidecar, rate) as steady:
            for _ in range(pairs):
                lacking, started, first = outage(sidecar, server, seconds), time.monotonic(), len(steady.times)
                wait_until(partial(has, server, lacking))
                spent = time.monotonic() - started
                speeds.append(lacking / spent / rate)
                catching_up.append(p99(steady.times[first:]))
                first = len(steady.times)
                time.sleep(max(spent, MIN_WINDOW))
                at_rest.append(p99(steady.times[first:]))
                print(
                    f"{lacking} events in {spent:.1f} s; p99 {catching_up[-1]:.2f} ms, at rest {at_rest[-1]:.2f} ms"
                )
    ratio = statistics.median(catching_up) / statistics.median(at_rest)
    title = f"catch-up after {seconds:g} s without Redis"
    beside = f"p99 {statistics.median(at_rest):.1f} ms at rest, {pairs} pairs"
    return [
        median(f"{title}: speed", speeds, "× the traffic", budget=5, at_least=True, comparison=f"{rate:g} events/s"),
        Line(f"{title}: ack p99 : at rest", ratio, "×", budget=1.2, comparison=beside),
    ]


def environment(server: Server) -> dict[str, str]:
    """The settings that switch Redis on."""
    return {"LEANVIBE_REDIS_URL": server.url, "LEANVIBE_REDIS_MAXLEN": "100000000"}


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long Redis is away")
    parser.add_argument("--rate", type=float, default=200, help="events per second")
    parser.add_argument("--pairs", type=int, default=7, help="how often")
    given = parser.parse_args()
    with scratch() as directory:
        print(table(measure(directory, given.seconds, given.rate, given.pairs)))
