"""What a flood costs the well-behaved: `uv run python -m tests.bench.floods [SECONDS]`.

One ordinary client posts 50 events a second on one connection, first alone, then while ten thousand others do their
worst, or others send bodies of 16 MB without end. Printed are its 99th percentile, its failures, and the front's
largest resident memory. Each flood is a process of its own (`tests.bench.flooders`), as is the ordinary client.
"""

import json
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests.background import beside
from tests.bench.flooders import FLOODS
from tests.bench.lines import Line, Options
from tests.bench.machine import processor_seconds
from tests.sidecar_process import Sidecar, running_sidecar

SECONDS = 12.0
MEMORY_MB = 300
P99_MS = 100.0
SETTLE_SECONDS = 2.0


def main() -> None:
    """Prints one line for each flood; the exit code says whether all were within their budgets."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    wanted = sys.argv[2:] or list(FLOODS)
    open_all_files()
    with running_sidecar() as sidecar:
        calm = alone(sidecar, seconds)
        print(
            f"{'alone':10} p50 {calm['p50']:5.1f}  p99 {calm['p99']:6.1f} ms  rss {resident_mb(sidecar.pid):4.0f} MB"
        )
        missed = [name for name in wanted if not stood(sidecar, name, seconds)]
        print(f"events stored: {sidecar.count()}")
        print(f"sent away: {turned_away(sidecar)}")
    if missed:
        sys.exit(f"over budget (p99 {P99_MS:g} ms, {MEMORY_MB} MB): {', '.join(missed)}")


def run(options: Options) -> list[Line]:
    """Every flood for a few seconds: what the ordinary client saw, and memory."""
    seconds = options.of(5, 2)
    open_all_files()
    lines = []
    with running_sidecar() as sidecar:
        calm = alone(sidecar, seconds)
        for name in list(FLOODS)[: options.of(len(FLOODS), 2)]:
            got, largest = flooded(sidecar, name, seconds)
            title = f"flood of {name}"
            beside = f"{calm['p99']:.1f} ms alone, {got['failed']} of {got['sent']} failed"
            lines += [
                Line(f"{title}: p99 of an ordinary client", got["p99"], "ms", budget=P99_MS, comparison=beside),
                Line(f"{title}: most memory of the front (RSS)", largest, "MB", budget=MEMORY_MB),
            ]
    return lines


def open_all_files() -> None:
    """Takes as many open files as the system gives."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def alone(sidecar: Sidecar, seconds: float) -> Any:
    """What the ordinary client sees without a flood."""
    with Client(sidecar, "ordinary", seconds / 2) as client:
        return client.result()


def stood(sidecar: Sidecar, name: str, seconds: float) -> bool:
    """Runs one flood; whether the ordinary client and the memory were within their budgets."""
    got, largest = flooded(sidecar, name, seconds)
    return bool(got["p99"] <= P99_MS and largest <= MEMORY_MB and not got["failed"])


def flooded(sidecar: Sidecar, name: str, seconds: float) -> tuple[Any, float]:
    """Runs and prints one flood; what the ordinary client saw, and the most memory in MB."""
    with (
        Client(sidecar, "ordinary", seconds + SETTLE_SECONDS) as known,  # was there before
        Client(sidecar, name, seconds + SETTLE_SECONDS) as flood,
        Client(sidecar, "newcomer", seconds) as new,
        beside(Memory(sidecar.pid)) as memory,
    ):
        before = processor_seconds(sidecar.pid)
        got, other, said = known.result(), new.result(), flood.result()
        share = (processor_seconds(sidecar.pid) - before) / seconds
    print(
        f"{name:10} p50 {got['p50']:5.1f}  p99 {got['p99']:6.1f} ms  of {got['sent']} failed {got['failed']}  "
        f"rss {memory.largest:4.0f} MB  cpu {share * 100:3.0f} %  newcomers: p50 {other['p50']:.1f} ms, of "
        f"{other['sent']} failed {other['failed']}  flood: {said}",
        flush=True,
    )
    return got, memory.largest


class Client:
    """A client of `tests.bench.flooders` as a process of its own."""

    def __init__(self, sidecar: Sidecar, name: str, seconds: float) -> None:
        command = [sys.executable, "-m", "tests.bench.flooders", name, str(sidecar.port), str(seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        assert self._process.stdout
        self._process.stdout.readline()  # it has begun
        return self

    def result(self) -> Any:
        """What it says at its end."""
        return json.loads(self._process.communicate()[0])

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Memory:
    """Looks at a process's resident memory ten times a second; keeps the most."""

    def __init__(self, pid: int) -> None:
        self.largest = 0.0
        self._pid = pid

    def run(self, over: threading.Event) -> None:
        """Looks."""
        while not over.wait(0.1):
            self.largest = max(self.largest, resident_mb(self._pid))


def resident_mb(pid: int) -> float:
    """`VmRSS` of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def turned_away(sidecar: Sidecar) -> str:
    """Who was sent away, by reason."""
    lines = sidecar.get("/metrics").text.splitlines()
    return ", ".join(line.partition("{")[2] for line in lines if line.startswith("leanvibe_clients_turned_away"))


if __name__ == "__main__":
    main()
