"""A network between the sidecar and a server that can stall, reset and truncate, as real ones do."""

import asyncio
import contextlib
import enum
import socket
import ssl
import struct
import threading
from typing import Self

CHUNK = 65_536
HARD = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""


class Fault(enum.Enum):
    """What the network does to connections that there are and to new ones."""

    NONE = "passes on"
    STALL = "stalls"
    RESET = "resets"
    TRUNCATE = "truncates"


class TcpProxy:
    """Passes bytes on between a loopback port of its own and another, until it is told to do worse.

    Stalled bytes go on their way when the network is back, as a repeated segment does. A truncating network ends each
    connection in the middle of the next chunk that goes through it, in either direction.

    Args:
        target: the port behind it.
        tls: what clients must talk to it; behind it goes plain text.
    """

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._tls = tls
        self._fault = Fault.NONE
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.harmed = 0
        """Connections that were reset or truncated."""

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def through(self, url: str) -> str:
        """The URL of the server behind it, as one that leads through it."""
        return url.replace(f":{self._target}", f":{self.port}", 1)

    def be(self, fault: Fault) -> None:
        """From now on, also for connections that there are."""
        asyncio.run_coroutine_threadsafe(self._be(fault), self._loop).result()

    async def _be(self, fault: Fault) -> None:
        self._fault = fault
        if fault is Fault.STALL:
            self._flows.clear()
        else:
            self._flows.set()
        if fault is Fault.RESET:
            for writer in list(self._open):
                self._reset(writer)

    async def _listen(self) -> int:
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        self._server.close()
        await self._be(Fault.RESET)
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        behind: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            if self._fault is Fault.RESET:
                self._reset(writer)
                return
            back, behind = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pass(reader, behind, writer), self._pass(back, writer, behind))
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            for one in (writer, behind):
                if one is not None:
                    one.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, other: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(CHUNK):
            await self._flows.wait()
            if self._fault is Fault.TRUNCATE:
                self.harmed += 1
                data = data[: len(data) // 2]
            sink.write(data)
            await sink.drain()
            if self._fault is Fault.TRUNCATE:
                break
        for one in (sink, other):
            with contextlib.suppress(OSError):
                one.close()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self.harmed += 1
        with contextlib.suppress(OSError, AttributeError):  # TLS that has ended knows its socket no more
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)
        writer.transport.abort()
