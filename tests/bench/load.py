"""Load over HTTP: windows of POSTs by wrk, or by a slower client of our own where wrk is missing."""

import asyncio
import dataclasses
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

SCRIPT = Path(__file__).with_name("load.wrk.lua")
BUSY = 0.9
"""A client that takes more of its one core than this was the limit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """What a client saw: milliseconds, and its own share of the one core that it uses."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p95: float
    p99: float
    client_share: float

    @property
    def per_second(self) -> float:
        """Requests that were answered well, each second."""
        return (self.requests - self.errors) / self.seconds


def client() -> str:
    """Who makes the load."""
    return "wrk" if shutil.which("wrk") else "a Python client (install wrk for one that is fast enough)"


def limited_by_client(*windows: Window) -> str:
    """A note when the client was as busy as it can be, so that the server can do more than the figure says."""
    busiest = statistics.median(window.client_share for window in windows)
    return f"the client was the limit ({client()}, {busiest:.0%} of its core)" if busiest > BUSY else ""


def window(url: str, body: bytes, clients: int, seconds: int) -> Window:
    """Posts one body over and over on so many connections.

    Raises:
        RuntimeError: the client failed; says how.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not shutil.which("wrk"):
        return asyncio.run(_own_window(url, body, clients, seconds))
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        words = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), url]
        environment = {**os.environ, "BENCH_BODY": file.name}
        run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    found = [line for line in run.stdout.splitlines() if line.startswith("RESULT")]
    if not found:
        raise RuntimeError(f"wrk: {run.stdout}{run.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    requests, micros, errors, *times = map(int, found[0].split()[1:])
    p50, p95, p99 = (one / 1000 for one in times)
    return Window(requests, micros / 1e6, errors, p50, p95, p99, spent / (micros / 1e6))


async def _own_window(url: str, body: bytes, clients: int, seconds: int) -> Window:
    where = urlsplit(url)
    head = f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    times: list[float] = []
    errors: list[bytes] = []
    spent, began = time.process_time(), time.perf_counter()

    async def post() -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while time.perf_counter() < began + seconds:
            sent = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            times.append((time.perf_counter() - sent) * 1000)
            if b" 20" not in answer[:13]:
                errors.append(answer)
        writer.close()

    await asyncio.gather(*(post() for _ in range(clients)))
    took = time.perf_counter() - began
    cuts = statistics.quantiles(times, n=100)
    share = (time.process_time() - spent) / took
    return Window(len(times), took, len(errors), cuts[49], cuts[94], cuts[98], share)
