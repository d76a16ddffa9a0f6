"""Clients that do their worst, and one ordinary one: `python -m tests.bench.flooders FLOOD PORT SECONDS`."""

import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import uvloop

CLIENTS = 10_000
BODIES = 16
BODY_BYTES = 16_000_000
PAUSE_SECONDS = 1.0
"""Before a client that was sent away comes again."""
RATE = 50
NEW_RATE = 10
PATH = b"/api/v1/hooks/claude-code"
EVENT = json.dumps({
    "session_id": "flood", "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_flood",
    "tool_input": {"command": "make test"}, "tool_response": {"stdout": "all is well\n" * 50},
}).encode()  # fmt: skip

Client = Callable[[int, int], Awaitable[None]]
done: Counter[str] = Counter()


def request(body: bytes) -> bytes:
    """One native request."""
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (PATH, len(body)) + body


def wrapped(content: bytes) -> bytes:
    """An event with this content."""
    return request(b'{"session_id":"flood","hook_event_name":"PostToolUse","tool_response":' + content + b"}")


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Reads one answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length")), 0)
    await reader.readexactly(length)
    return head.split(b" ", 2)[1]


async def silent(port: int, _: int) -> None:
    """Connects and says nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.read()
    finally:
        writer.close()


async def slow_head(port: int, _: int) -> None:
    """A head, byte by byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for byte in request(EVENT):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(1)
            if reader.at_eof():
                return
    finally:
        writer.close()


async def slow_body(port: int, _: int) -> None:
    """A body, byte by byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request(EVENT)[:-200])
        while not reader.at_eof():
            await asyncio.sleep(1)
            writer.write(b"x")
            await writer.drain()
    finally:
        writer.close()


async def posting(port: int, _: int) -> None:
    """Event after event."""
    await _post(port, request(EVENT))


def _large(content: bytes) -> Client:
    whole = wrapped(content)

    async def client(port: int, _: int) -> None:
        await _post(port, whole)

    return client


async def _post(port: int, whole: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            writer.write(whole)
            await writer.drain()
            if await answered(reader) not in {b"204", b"413"}:
                return
            done["answered"] += 1
    finally:
        writer.close()


def _text() -> bytes:
    line = "2026-01-31 12:00:00 INFO /home/bob/shop: order 4711 of bob@example.com, took 12 ms\n"
    return json.dumps(line * (BODY_BYTES // len(line))).encode()


FLOODS: dict[str, tuple[int, Callable[[], Client]]] = {
    "silent": (CLIENTS, lambda: silent),
    "slow_head": (CLIENTS, lambda: slow_head),
    "slow_body": (CLIENTS, lambda: slow_body),
    "posting": (CLIENTS, lambda: posting),
    "text": (BODIES, lambda: _large(_text())),
    "nested": (BODIES, lambda: _large(b"[" * (BODY_BYTES // 2) + b"]" * (BODY_BYTES // 2))),
    "numbers": (BODIES, lambda: _large(b"[" + b",".join(b"%d" % (10**9 + n) for n in range(140_000)) + b"]")),
    "secrets": (BODIES, lambda: _large(b'"' + b"password=hunter2x9 " * (BODY_BYTES // 19) + b'"')),
}


async def flood(name: str, port: int, seconds: float) -> None:
    """All clients at once, each again and again; with the processor time that nobody else wants."""
    os.nice(19)
    count, make = FLOODS[name]
    client = make()
    failures: dict[str, int] = {}

    async def again(number: int) -> None:
        while True:
            try:
                await client(port, number)
            except (OSError, EOFError) as error:
                failures[type(error).__name__] = failures.get(type(error).__name__, 0) + 1
            await asyncio.sleep(PAUSE_SECONDS)

    tasks = [asyncio.create_task(again(number)) for number in range(count)]
    print("begun", flush=True)
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps({"clients": count, "answered": done["answered"], "broken": sum(failures.values())}))


async def ordinary(port: int, seconds: float) -> None:
    """`RATE` events a second on one connection, opened again when it is lost, which counts as a failure."""
    times, failed = [], 0
    whole = request(EVENT)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    print("begun", flush=True)
    began = time.perf_counter()
    for turn in range(int(seconds * RATE)):
        await asyncio.sleep(max(0.0, began + turn / RATE - time.perf_counter()))
        sent = time.perf_counter()
        try:
            writer.write(whole)
            failed += await answered(reader) != b"204"
        except (OSError, EOFError):
            failed += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        times.append((time.perf_counter() - sent) * 1000)
    writer.close()
    cuts = statistics.quantiles(times, n=100)
    print(json.dumps({"p50": cuts[49], "p99": cuts[98], "sent": len(times), "failed": failed}))


async def newcomer(port: int, seconds: float) -> None:
    """A connection of its own for each event, as a hook that runs curl has."""
    times, failed = [], 0
    print("begun", flush=True)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        await asyncio.sleep(1 / NEW_RATE)
        sent = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(EVENT))
            failed += await answered(reader) != b"204"
            writer.close()
        except (OSError, EOFError):
            failed += 1
        times.append((time.perf_counter() - sent) * 1000)
    cuts = statistics.quantiles(times, n=100)
    print(json.dumps({"p50": cuts[49], "p99": cuts[98], "sent": len(times), "failed": failed}))


if __name__ == "__main__":
    which, where, long = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    alone = {"ordinary": ordinary, "newcomer": newcomer}.get(which)
    uvloop.run(alone(where, long) if alone else flood(which, where, long))
