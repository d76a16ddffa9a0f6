"""`python -m tests.bench.outage`: how fast a sink catches up after an outage, and what that costs ingest.

The sink is away while ten minutes of traffic come in (quickly, by the batch route), then comes back while agents go
on posting. Printed: how much faster than that traffic it catches up, and the p99 of an acknowledgement in pairs of
windows, while the sink catches up and while nothing waits, as a ratio of medians; at last all of it as JSON.
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.background import beside
from tests.bench.lines import Line, Options
from tests.bench.pace import Paced
from tests.servers import Server, fresh_database, running_postgres, running_redis, scratch
from tests.sidecar_process import Sidecar

BATCH = 500
NEAR = 1000
"""Events behind from which a sink counts as having caught up: what comes in between two looks."""
LOOK_SECONDS = 0.25
MIN_WINDOW = 5.0
"""Seconds; a p99 of fewer acknowledgements says nothing."""
LONGEST = 900.0
"""Seconds until catching up is given up."""
MISSED = {"session_id": "s", "event_type": "POST_TOOL_USE", "tool_name": "Bash", "result": {"stdout": "x " * 400}}


@dataclass(frozen=True)
class Pair:
    """One outage: how fast the sink caught up, and the p99 in milliseconds meanwhile and afterwards."""

    missed: int
    seconds: float
    times_the_traffic: float
    p99_catching_up: float
    p99_at_rest: float


def behind(sidecar: Sidecar, sink: str) -> int:
    """Events that the sink has not taken; all while nothing is known of it."""
    return int(sidecar.health()["sinks"].get(sink, {}).get("lag_events", sys.maxsize))


def stored(sidecar: Sidecar) -> bool:
    """Whether the store has everything, so that only the sink has work to do."""
    return int(sidecar.health()["components"]["store"].get("lag_events", sys.maxsize)) < NEAR


def wait_until(done: Callable[[], bool]) -> None:
    """Looks now and then; raises `TimeoutError` after a quarter of an hour."""
    deadline = time.monotonic() + LONGEST
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the sink did not catch up")
        time.sleep(LOOK_SECONDS)


def outage(sidecar: Sidecar, server: Server, sink: str, missed: int) -> int:
    """The sink away for so many events; returns when it takes some again, with how many it then lacks."""
    server.kill()
    for _ in range(0, missed, BATCH):
        assert 200 == sidecar.post_guide([MISSED] * BATCH).status_code
    wait_until(lambda: stored(sidecar))
    server.start()
    wait_until(lambda: behind(sidecar, sink) < missed - NEAR)
    return behind(sidecar, sink)


def look_for(seconds: float, look: Callable[[], object]) -> None:
    """Looks as often as `wait_until` does, so that both windows hold the same questions."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        look()
        time.sleep(LOOK_SECONDS)


def pair(sidecar: Sidecar, server: Server, sink: str, missed: int, rate: float) -> Pair:
    """One outage under steady traffic, and as long a time without."""
    with beside(Paced(sidecar.url, rate)):
        lacking = outage(sidecar, server, sink, missed)
    with beside(Paced(sidecar.url, rate)) as catching_up:
        started = time.monotonic()
        wait_until(lambda: behind(sidecar, sink) < NEAR)
        spent = time.monotonic() - started
    wait_until(lambda: stored(sidecar) and behind(sidecar, sink) < NEAR)
    with beside(Paced(sidecar.url, rate)) as at_rest:
        look_for(max(spent, MIN_WINDOW), lambda: behind(sidecar, sink))
    speed = (lacking - NEAR) / spent / rate
    assert 0 == catching_up.refused + at_rest.refused
    return Pair(lacking, round(spent, 1), round(speed, 1), p99(catching_up.times), p99(at_rest.times))


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return round(statistics.quantiles(times, n=100)[98], 2)


@contextlib.contextmanager
def redis_sink() -> Iterator[tuple[Server, dict[str, str]]]:
    """A Redis that forgets when it is killed, and the settings that switch it on."""
    with running_redis() as server:
        yield server, {"LEANVIBE_REDIS_URL": server.url}


@contextlib.contextmanager
def postgres_sink() -> Iterator[tuple[Server, dict[str, str]]]:
    """A PostgreSQL, and the settings that switch it on."""
    with running_postgres() as server, fresh_database(server) as dsn:
        yield server, {"LEANVIBE_POSTGRES_DSN": dsn}


SINKS = {"redis": redis_sink, "postgres": postgres_sink}


def measure(home: Path, sink: str, missed: int, rate: float, pairs: int) -> dict[str, object]:
    """Prints one line per pair of windows; the figures."""
    with SINKS[sink]() as (server, env), contextlib.closing(Sidecar(home, env)) as sidecar:
        sidecar.start()
        wait_until(lambda: behind(sidecar, sink) == 0)
        print(f"{'missed':>8} {'seconds':>8} {'x traffic':>10} {'p99 catching up':>16} {'p99 at rest':>12}")
        found = []
        for _ in range(pairs):
            found.append(one := pair(sidecar, server, sink, missed, rate))
            print(
                f"{one.missed:>8} {one.seconds:>8} {one.times_the_traffic:>10} {one.p99_catching_up:>16} "
                f"{one.p99_at_rest:>12}",
                flush=True,
            )
    speed = statistics.median(one.times_the_traffic for one in found)
    catching_up = statistics.median(one.p99_catching_up for one in found)
    ratio = catching_up / statistics.median(one.p99_at_rest for one in found)
    print(f"catches up at {speed:.1f} times the traffic (wanted: more than 5)")
    print(f"p99 ratio of medians {ratio:.2f} (wanted: at most 1.2)")
    return {"sink": sink, "missed": missed, "rate": rate, "speed": speed, "p99_ratio": round(ratio, 2)} | {
        "pairs": [asdict(one) for one in found]
    }


def run(options: Options) -> list[Line]:
    """Shorter outages than the module's own command, which makes them as long as wanted."""
    seconds = options.of(300, 20)
    with scratch() as home:
        found = measure(home, "redis", seconds * 200, 200, options.of(5, 2))
    title, pairs = f"catch-up after {seconds} s without Redis", found["pairs"]
    beside = f"{len(pairs)} pairs of windows" if isinstance(pairs, list) else ""
    return [
        Line(f"{title}: speed", _number(found["speed"]), "× the traffic", budget=5, at_least=True),
        Line(f"{title}: ack p99 : at rest", _number(found["p99_ratio"]), "×", budget=1.2, comparison=beside),
    ]


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outage", description=__doc__)
    parser.add_argument("--sink", choices=sorted(SINKS), default="redis")
    parser.add_argument("--minutes", type=float, default=10, help="of traffic that the sink misses")
    parser.add_argument("--rate", type=float, default=200, help="events per second")
    parser.add_argument("--pairs", type=int, default=7, help="how often")
    given = parser.parse_args()
    with scratch() as directory:
        figures = measure(directory, given.sink, int(given.minutes * 60 * given.rate), given.rate, given.pairs)
    print(json.dumps(figures))
