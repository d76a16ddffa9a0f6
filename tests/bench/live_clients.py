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
from pathlib import Path
from urllib.parse import urlsplit

from tests.sidecar_process import LIVE, Sidecar, running_sidecar

READING, DEAF = 90, 10
PER_SECOND = 500
WINDOW_SECONDS = 6.0
PAIRS = 7
SENDERS = 8
BODY = json.dumps({
    "session_id": "bench", "hook_event_name": "PostToolUse", "cwd": "/srv/work/bench", "tool_name": "Bash",
    "tool_use_id": "toolu_bench", "duration_ms": 12, "tool_input": {"command": "make test"},
    "tool_response": {"stdout": "all is well\n" * 50},
}).encode()  # fmt: skip


def main() -> None:
    """Prints latency, memory and what the clients got."""
    with running_sidecar() as sidecar:
        asyncio.run(measure(sidecar))


async def measure(sidecar: Sidecar) -> None:
    """Alternates windows without and with clients."""
    alone, crowded, memory = [], [], []
    busy: list[list[float]] = [[], []]
    await window(sidecar)
    for _ in range(PAIRS):
        alone.append(await window(sidecar, busy[0]))
        crowd = Crowd(sidecar)
        await crowd.come()
        crowded.append(await window(sidecar, busy[1]))
        memory.append(private_mb(sidecar.pid))
        await crowd.leave()
    ratio = statistics.median(crowded) / statistics.median(alone)
    say(f"p99 alone   {', '.join(f'{one:.1f}' for one in alone)} ms, median {statistics.median(alone):.1f}")
    say(f"p99 crowded {', '.join(f'{one:.1f}' for one in crowded)} ms, median {statistics.median(crowded):.1f}")
    say(f"ratio of medians {ratio:.2f} (budget 1.5)")
    shares = [f"{statistics.median(one) * 100:.0f} %" for one in busy]
    say(f"front's share of a core: {shares[0]} alone, {shares[1]} crowded")
    say(f"front's private memory after each crowd: {', '.join(f'{one:.0f}' for one in memory)} MB")


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

    async def leave(self) -> None:
        """Ends all of them; says how many of those that read have missed something."""
        await asyncio.sleep(1)
        assert self._readers
        assert self._readers.stdin
        self._readers.stdin.close()
        got = json.loads(await self._line())
        await self._readers.wait()
        wanted = int(PER_SECOND * WINDOW_SECONDS) // SENDERS * SENDERS
        say(f"{len(got)} reading clients, {sum(one != wanted for one in got)} of them without all {wanted} events")
        for one in self._deaf:
            one.close()

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


async def window(sidecar: Sidecar, busy: list[float] | None = None) -> float:
    """The 99th percentile of the acknowledgement in milliseconds, at this pace; `busy` gets the front's share."""
    times: list[float] = []
    before = processor_seconds(sidecar.pid)
    await asyncio.gather(*(send(sidecar.url, number, times) for number in range(SENDERS)))
    if busy is not None:
        busy.append((processor_seconds(sidecar.pid) - before) / WINDOW_SECONDS)
    return statistics.quantiles(times, n=100)[98]


async def send(url: str, number: int, times: list[float]) -> None:
    """One connection's share of the events, evenly spread."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"POST /api/v1/hooks/claude-code HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    step = SENDERS / PER_SECOND
    began = time.perf_counter() + number * step / SENDERS
    for turn in range(int(PER_SECOND * WINDOW_SECONDS) // SENDERS):
        await asyncio.sleep(max(0.0, began + turn * step - time.perf_counter()))
        sent = time.perf_counter()
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        times.append((time.perf_counter() - sent) * 1000)
    writer.close()


def processor_seconds(pid: int) -> float:
    """Processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_mb(pid: int) -> float:
    """`RssAnon` of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
