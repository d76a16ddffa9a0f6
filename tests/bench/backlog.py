"""`python -m tests.bench.backlog`: starting with a journal of a million events that nothing has taken yet.

Printed: seconds until it listens, until the store has caught up, until Redis has, and until the journal is small
again; the most private memory of front and worker meanwhile; the p99 of an acknowledgement while all of that goes on.
"""

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec

from sidecar import events
from sidecar.journal import Entry, JournalWriter
from tests.bench.lines import Line, Options
from tests.processes import child_of
from tests.recorded_events import recorded_events
from tests.servers import running_redis, scratch
from tests.sidecar_process import Sidecar

GROUP = 2000
PAYLOAD = b'{"tool_response":{"stdout":"' + b"x " * 200 + b'"}}'
BODY = {"hook_event_name": "PostToolUse", "session_id": "s", "tool_name": "Bash", "tool_response": {"stdout": "x"}}
LONGEST = 1800.0
"""Seconds until catching up is given up."""


def fill(path: Path, count: int) -> None:
    """A journal of so many events of half a kilobyte."""
    few = [msgspec.structs.replace(one, payload=msgspec.Raw(PAYLOAD)) for one in recorded_events(GROUP)]
    journal = JournalWriter(path)
    for begin in range(0, count, GROUP):
        bodies = (msgspec.structs.replace(one, event_id=f"e{begin}-{n}") for n, one in enumerate(few))
        done = threading.Event()
        journal.append([Entry(one.event_id, events.encode(one)) for one in bodies], lambda _, d=done: d.set())  # type: ignore[misc]
        done.wait()
    journal.close()


def private_mb(pid: int | None) -> float:
    """`RssAnon` of a process in MB; 0 when it is not there."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / 1024
    return 0.0


class Watch:
    """Posts now and then, notes what acknowledging took and how large both processes are."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self.times: list[float] = []
        self.front = self.worker = 0.0

    def until(self, done: Callable[[], bool]) -> float:
        """Seconds until then."""
        begun = time.monotonic()
        while not done():
            if time.monotonic() - begun > LONGEST:
                raise TimeoutError("it did not catch up")
            for _ in range(20):
                started = time.perf_counter()
                assert 204 == self._sidecar.post_native(BODY).status_code
                self.times.append((time.perf_counter() - started) * 1000)
                time.sleep(0.005)
            self.front = max(self.front, private_mb(self._sidecar.pid))
            self.worker = max(self.worker, private_mb(child_of(self._sidecar.pid)))
        return round(time.monotonic() - begun, 1)


def listens(sidecar: Sidecar) -> bool:
    """Whether it answers."""
    with contextlib.suppress(OSError, ValueError, httpx.TransportError):
        return sidecar.health()["pid"] == sidecar.pid
    return False


def lag(sidecar: Sidecar, *names: str) -> int:
    """How many events a part of `/health` is behind; all when it does not say."""
    part = sidecar.health()
    for name in names:
        part = part.get(name, {})
    return int(part.get("lag_events", sys.maxsize))


def measure(home: Path, count: int) -> dict[str, float]:
    """The figures."""
    (home / "data").mkdir(mode=0o700)
    path = home / "data" / "journal.sqlite"
    fill(path, count)
    size = path.stat().st_size
    with running_redis() as server:
        env = {"LEANVIBE_REDIS_URL": server.url}
        with contextlib.closing(Sidecar(home, env)) as sidecar:
            begun = time.monotonic()
            sidecar.start(with_worker=False)
            found = {"events": count, "journal_mb": size >> 20, "listening_s": round(time.monotonic() - begun, 2)}
            watch = Watch(sidecar)
            found["store_s"] = watch.until(lambda: lag(sidecar, "components", "store") < GROUP)
            found["redis_s"] = watch.until(lambda: lag(sidecar, "sinks", "redis") < GROUP)
            found["trimmed_s"] = watch.until(lambda: path.stat().st_size < size / 10)
            found |= {"front_mb": round(watch.front, 1), "worker_mb": round(watch.worker, 1)}
            found["ack_p99_ms"] = round(statistics.quantiles(watch.times, n=100)[98], 2)
    return found


def run(options: Options) -> list[Line]:
    """A smaller journal than the module's own command takes, with what grows with it as a rate."""
    with scratch() as directory:
        found = measure(directory, options.of(100_000, 20_000))
    count = int(found["events"])
    title = f"{count:,} events waiting in the journal"
    return [
        Line(f"{title}: until it listens", found["listening_s"], "s", budget=1.5),
        Line(f"{title}: loaded into the store", count / max(found["store_s"], 0.1), "events/s"),
        Line(f"{title}: in Redis after", found["store_s"] + found["redis_s"], "s"),
        Line(f"{title}: most private memory", found["front_mb"] + found["worker_mb"], "MB",
             comparison=f"front {found['front_mb']:.0f}, worker {found['worker_mb']:.0f}"),
        Line(f"{title}: ack p99 meanwhile", found["ack_p99_ms"], "ms"),
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backlog", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="how many wait in the journal")
    given = parser.parse_args()
    with scratch() as directory:
        figures = measure(directory, given.events)
    for label, value in figures.items():
        print(f"{label:<12} {value:>12,}")
    print(json.dumps(figures))
