"""What a hundred WebSocket clients cost: `uv run python -m tests.bench.live_clients`.

Ten of them never read. Windows with and without them alternate, at 500 events/s, and each window's 99th percentile
of the acknowledgement is taken; the ratio of the medians is what the clients cost the agent. The nine-tenths that
read must miss nothing, and the front's private memory must stay level.
"""

import asyncio
import base64
import json
import os
import socket
import statistics
import sys
import time
from urllib.parse import urlsplit

from tests.bench.lines import Line, Options, median, table
from tests.bench.machine import private_mb, processor_seconds
from tests.sidecar_process import LIVE, Sidecar, running_sidecar

READING, DEAF = 90, 10
PER_SECOND = 500
PAIRS = 7
SENDERS = 8
BODY = json.dumps({
    "session_id": "bench", "hook_event_name": "PostToolUse", "cwd": "/srv/work/bench", "tool_name": "Bash",
    "tool_use_id": "toolu_bench", "duration_ms": 12, "tool_input": {"command": "make test"},
    "tool_response": {"stdout": "all is well\n" * 50},
}).encode()  # fmt: skip


def run(options: Options) -> list[Line]:
    """Latency with and without clients, the front's share of a core, memory, and what the clients missed."""
    with running_sidecar() as sidecar:
        return asyncio.run(measure(sidecar, options.of(PAIRS, 2), options.of(6, 2)))


async def measure(sidecar: Sidecar, pairs: int, seconds: float) -> list[Line]:
    """Alternates windows without and with clients."""
    alone, crowded, memory, missed = [], [], [], 0
    busy: list[list[float]] = [[], []]
    await window(sidecar, seconds)
    for _ in range(pairs):
        alone.append(await window(sidecar, seconds, busy[0]))
        crowd = Crowd(sidecar)
        await crowd.come()
        crowded.append(await window(sidecar, seconds, busy[1]))
        memory.append(private_mb(sidecar.pid))
        missed += await crowd.leave(int(PER_SECOND * seconds) // SENDERS * SENDERS)
    ratio = statistics.median(crowded) / statistics.median(alone)
    shares = [statistics.median(one) * 100 for one in busy]
    title = f"{READING + DEAF} WebSocket clients at {PER_SECOND} events/s"
    beside = f"p99 {statistics.median(alone):.1f} ms alone, {statistics.median(crowded):.1f} ms with them"
    return [
        Line(f"{title}: ack p99 : without", ratio, "×", budget=1.5, comparison=beside, note=f"{pairs} pairs"),
        Line(f"{title}: front", shares[1], "% of a core", comparison=f"{shares[0]:.0f} without"),
        Line(f"{title}: delivered to those that read", shares_of(missed, pairs), "% of clients got all",
             comparison=f"{READING} read, {DEAF} never do"),
        median(f"{title}: front's private memory", memory, "MB"),
    ]  # fmt: skip


def shares_of(missed: int, pairs: int) -> float:
    """Clients that got everything, in percent."""
    return 100 * (1 - missed / (READING * pairs))


class Crowd:
    """A hundred clients of one window; those that read are a process of their own, away from the clock."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._deaf: list[socket.socket] = []
        self._readers: asyncio.subprocess.Process | None = None

    async def come(self) -> None:
        """Connects all of them."""
        command = [
            sys.executable,
            "-m",
            "tests.bench.live_readers",
            self._sidecar.url,
            self._sidecar.token,
            str(READING),
        ]
        pipe = asyncio.subprocess.PIPE
        self._readers = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        await self._line()
        self._deaf = [deaf(self._sidecar.url, self._sidecar.token) for _ in range(DEAF)]

    async def leave(self, wanted: int) -> int:
        """Ends all of them; how many of those that read have not got all of so many events."""
        await asyncio.sleep(1)
        assert self._readers
        assert self._readers.stdin
        self._readers.stdin.close()
        got = json.loads(await self._line())
        await self._readers.wait()
        for one in self._deaf:
            one.close()
        return sum(one != wanted for one in got)

    async def _line(self) -> bytes:
        assert self._readers
        assert self._readers.stdout
        return await self._readers.stdout.readline()


def deaf(url: str, token: str) -> socket.socket:
    """A client that asks for everything and reads nothing."""
    where = urlsplit(url)
    assert where.port
    one = socket.create_connection((where.hostname or "", where.port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {LIVE} HTTP/1.1", f"Host: {where.netloc}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: Bearer {token}", "", ""]
    one.sendall("\r\n".join(lines).encode())
    return one


async def window(sidecar: Sidecar, seconds: float, busy: list[float] | None = None) -> float:
    """The 99th percentile of the acknowledgement in milliseconds, at this pace; `busy` gets the front's share."""
    times: list[float] = []
    before = processor_seconds(sidecar.pid)
    await asyncio.gather(*(send(sidecar.url, number, seconds, times) for number in range(SENDERS)))
    if busy is not None:
        busy.append((processor_seconds(sidecar.pid) - before) / seconds)
    return statistics.quantiles(times, n=100)[98]


async def send(url: str, number: int, seconds: float, times: list[float]) -> None:
    """One connection's share of the events, evenly spread."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"POST /api/v1/hooks/claude-code HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    step = SENDERS / PER_SECOND
    began = time.perf_counter() + number * step / SENDERS
    for turn in range(int(PER_SECOND * seconds) // SENDERS):
        await asyncio.sleep(max(0.0, began + turn * step - time.perf_counter()))
        sent = time.perf_counter()
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        times.append((time.perf_counter() - sent) * 1000)
    writer.close()


if __name__ == "__main__":
    print(table(run(Options())))
