"""Bodies in memory at once: a bound on their bytes, from the first that is read until the event is answered.

What is done with a body takes several times its size, so the bound is on what is being done, not on what is queued.
A body of up to `FREE_BYTES`, which nearly every event is, never waits. A larger one is not read while there is no
room: the client is held back by its own socket. When too many wait, or one for too long, it is told to try again.
Very large ones have a room of their own, so that the others do not wait behind them.
"""

import asyncio
from collections import Counter, deque
from typing import Any

from sidecar.errors import OverloadedError
from sidecar.front.overload import turn_away

FREE_BYTES = 16 * 1024
LARGE_BYTES = 1024 * 1024
"""From here on a body is very large."""
WHOLE = 1 << 40
"""More than there is: all of it."""
MAX_WAITING = 64
WAIT_SECONDS = 10.0


class Room:
    """Bytes that may be in use at once; whoever came first is served first.

    Args:
        capacity: bytes; who wants more gets it all, alone.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, wanted: int) -> int | None:
        """Waits for so many bytes; how many were taken, None when too many wait or it took too long."""
        size = min(wanted, self._capacity)
        if not self._waiting and size <= self._free:
            self._free -= size
            return size
        if len(self._waiting) >= MAX_WAITING:
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await asyncio.wait_for(turn, WAIT_SECONDS)
        except TimeoutError:
            self.give_back(0 if turn.cancelled() else size)  # its turn may have come in the same moment
            return None
        except asyncio.CancelledError:
            self.give_back(0 if turn.cancelled() else size)
            raise
        return size

    def give_back(self, size: int) -> None:
        """So many bytes are free again."""
        self._free += size
        self._hand_on()

    def _hand_on(self) -> None:
        """Serves those that wait, in their order; whoever has given up is passed over."""
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.done():
                if size > self._free:
                    return
                self._free -= size
                turn.set_result(None)
            self._waiting.popleft()


class BodyAdmission:
    """An ASGI application that lets requests with large bodies through as there is room.

    Args:
        app: takes them.
        capacity: bytes of bodies at once, half of them for very large ones.
        turned_away: counts those that were not let through.
    """

    def __init__(self, app: Any, capacity: int, turned_away: Counter[str]) -> None:
        self._app = app
        self._room = Room(capacity // 2)
        self._large = Room(capacity // 2)
        self._turned_away = turned_away

    def taker_of(self, scope: Any, headers: Any) -> Any:
        """The application's own: bodies of known heads have at most `FREE_BYTES`, which never wait."""
        return self._app.taker_of(scope, headers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, now or later, or turns it away."""
        size = _declared(scope)
        if size is not None and size <= FREE_BYTES:
            await self._app(scope, receive, send)
            return
        held = _Held(self._room, self._large, receive)
        try:
            if size is not None and not await held.take(size):
                self._turned_away["too_many_bodies"] += 1
                await turn_away(scope, receive, send)
                return
            await self._app(scope, receive if size is not None else held.receive, send)
        finally:
            held.give_back()


class _Held:
    """What one request has taken of the two rooms: of the first one first, so that no two wait for each other."""

    def __init__(self, room: Room, large: Room, receive: Any) -> None:
        self._rooms = (room, large)
        self._receive = receive
        self._taken: list[tuple[Room, int]] = []
        self._steps = [(FREE_BYTES, room, LARGE_BYTES), (LARGE_BYTES, large, WHOLE)]
        self._read = 0

    async def take(self, size: int) -> bool:
        """Waits for as much as a body of this size needs; whether it is to be had."""
        return await self._take(self._rooms[size >= LARGE_BYTES], size)

    async def receive(self) -> Any:
        """Reads on; a body of unknown length needs more room once it is large, and once it is very large.

        Raises:
            OverloadedError: there is none.
        """
        message = await self._receive()
        self._read += len(message.get("body", b""))
        while message.get("more_body") and self._steps and self._read > self._steps[0][0]:
            _, room, size = self._steps.pop(0)
            if not await self._take(room, size):
                raise OverloadedError("too many large bodies at once", hint="try again in a moment")
        return message

    def give_back(self) -> None:
        """All of it."""
        for room, size in self._taken:
            room.give_back(size)

    async def _take(self, room: Room, size: int) -> bool:
        taken = await room.take(size)
        if taken is not None:
            self._taken.append((room, taken))
        return taken is not None


def _declared(scope: Any) -> int | None:
    """The body's length as the client says it; None when it does not, 0 when there is none."""
    if scope["type"] != "http":
        return 0
    chunked = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
        chunked = chunked or name == b"transfer-encoding"
    return None if chunked else 0
