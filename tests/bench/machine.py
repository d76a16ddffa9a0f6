"""What processes cost, and on what machine."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.sidecar_process import Sidecar


def processor_seconds(*pids: int) -> float:
    """Processor time that processes have taken together."""
    return sum(map(_processor_seconds, pids))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_mb(pid: int) -> float:
    """`RssAnon` of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def both(sidecar: Sidecar) -> tuple[int, int]:
    """The process ids of front and worker."""
    return sidecar.pid, sidecar.worker_pid


class Spent:
    """Processor time of front and worker from now on."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._pids = both(sidecar)
        self._before = [processor_seconds(pid) for pid in self._pids]

    def micros(self, events: int) -> tuple[float, float]:
        """Microseconds an event, of front and worker."""
        now = map(processor_seconds, self._pids)
        front, worker = ((one - before) / max(1, events) * 1e6 for one, before in zip(now, self._before, strict=True))
        return front, worker


def share(pids: tuple[int, ...], seconds: float, samples: int) -> list[float]:
    """The share of a core in percent that processes take, in so many windows one after the other."""
    found = []
    for _ in range(samples):
        before, began = processor_seconds(*pids), time.monotonic()
        time.sleep(seconds)
        found.append((processor_seconds(*pids) - before) / (time.monotonic() - began) * 100)
    return found


def p(percent: int, values: list[float]) -> float:
    """A percentile."""
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0]


def described() -> dict[str, object]:
    """The machine: its cores, its load when the run began, and its Python."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def wait_until(done: Callable[[], object], seconds: float = 900.0) -> None:
    """Returns once it is so.

    Raises:
        TimeoutError: it was not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.02)
