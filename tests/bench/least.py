"""What nobody can go below on this machine: a bare append that is synced, and a handler that does nothing."""

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.background import beside
from tests.bench import empty_handler
from tests.bench.machine import share
from tests.bench.paced import Paced
from tests.servers import scratch

APPENDS = 300


def bare_append_ms(body: bytes) -> float:
    """Median milliseconds of an append and fdatasync of the same bytes, where the journal is."""
    times = []
    with _file() as file:
        for _ in range(APPENDS):
            began = time.perf_counter()
            _append(file, body)
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def append_share(body: bytes, per_second: float, seconds: float) -> float:
    """Percent of a core that the same takes at a steady pace, the waking up included."""
    with _file() as file:
        began, spent = time.monotonic(), time.thread_time()
        for number in range(1, round(seconds * per_second) + 1):
            _append(file, body)
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        return (time.thread_time() - spent) / (time.monotonic() - began) * 100


def handler_share(per_second: float, seconds: float) -> float:
    """Percent of a core that the empty handler takes for events at a steady pace."""
    with empty_handler.running() as empty, beside(Paced(empty.url, per_second)):
        time.sleep(1)
        return share((empty.pid,), seconds, 1)[0]


@contextmanager
def _file() -> Iterator[int]:
    with scratch() as folder:
        file = os.open(Path(folder) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            yield file
        finally:
            os.close(file)


def _append(file: int, body: bytes) -> None:
    os.write(file, body)
    os.fdatasync(file)
