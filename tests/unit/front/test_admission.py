"""Laws of bodies in memory at once."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from sidecar.errors import OverloadedError
from sidecar.front import admission
from sidecar.front.admission import FREE_BYTES, BodyAdmission, Room

MB = 1024 * 1024


def test_room_goes_in_order_and_comes_back() -> None:
    """Whoever came first is served first, a small one does not overtake, and everything is given back."""

    async def play() -> list[str]:
        room, said = Room(10), []

        async def work(name: str, size: int) -> None:
            taken = await room.take(size)
            assert taken is not None
            said.append(name)
            await asyncio.sleep(0)
            room.give_back(taken)

        await asyncio.gather(work("a", 8), work("b", 9), work("c", 1), work("huge", 99), work("d", 10))
        assert 10 == room._free
        return said

    assert ["a", "b", "c", "huge", "d"] == asyncio.run(play())


def test_those_that_give_up_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited too long or was cancelled leaves the room as it was."""
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.01)

    async def play() -> None:
        room = Room(10)
        taken = await room.take(10)
        assert taken == 10
        assert [None, None, None] == await asyncio.gather(room.take(1), room.take(1), room.take(1))
        waiting = asyncio.create_task(room.take(5))
        await asyncio.sleep(0)
        room.give_back(taken)
        waiting.cancel()
        for late in await asyncio.gather(waiting, return_exceptions=True):
            room.give_back(late if isinstance(late, int) else 0)  # before Python 3.12 it got its turn all the same
        assert (10, 0) == (room._free, len(room._waiting))

    asyncio.run(play())


def test_whoever_comes_when_too_many_wait_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue has an end: one more is told so without waiting, and those in it keep their place."""
    monkeypatch.setattr(admission, "MAX_WAITING", 2)

    async def play() -> list[int | None]:
        room = Room(10)
        taken = await room.take(10)
        waiting = [asyncio.create_task(room.take(1)) for _ in range(2)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(room.take(1), 1.0) is None
        room.give_back(taken or 0)
        return await asyncio.gather(*waiting)

    assert [1, 1] == asyncio.run(play())


async def as_since_312(turn: asyncio.Future[None], seconds: float) -> None:
    """`asyncio.wait_for` of Python 3.12 and later: an end of patience wins over what came in the same moment."""
    async with asyncio.timeout(seconds):
        await turn


def test_a_turn_that_comes_too_late_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience ends in the moment in which the turn comes, the room is free again, with every Python."""
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.02)
    monkeypatch.setattr("asyncio.wait_for", as_since_312)

    async def play() -> None:
        room = Room(10)
        assert 10 == await room.take(10)
        late = asyncio.create_task(room.take(6))
        await asyncio.sleep(0)

        def held_up() -> None:
            asyncio.get_running_loop().call_soon(room.give_back, 10)
            time.sleep(0.05)

        asyncio.get_running_loop().call_soon(held_up)
        room.give_back(await late or 0)
        assert (10, 0) == (room._free, len(room._waiting))

    asyncio.run(play())


class Requests:
    """Requests to an application that counts how many bytes of bodies it is busy with."""

    def __init__(self, capacity: int) -> None:
        self.busy = self.most = 0
        self.statuses: Counter[int] = Counter()
        self.app = BodyAdmission(self._work, capacity, Counter())

    async def send(self, size: int, *, chunked: bool = False) -> None:
        """One request of so many bytes."""
        named = [(b"transfer-encoding", b"chunked")] if chunked else [(b"content-length", str(size).encode())]
        left = size

        async def receive() -> dict[str, Any]:
            nonlocal left
            await asyncio.sleep(0)
            piece = min(left, 256 * 1024)
            left -= piece
            return {"type": "http.request", "body": b"x" * piece, "more_body": left > 0}

        async def answer(message: dict[str, Any]) -> None:
            if "status" in message:
                self.statuses[message["status"]] += 1

        await self.app({"type": "http", "headers": named}, receive, answer)

    async def _work(self, _: Any, receive: Any, send: Any) -> None:
        size = 0
        more = True
        try:
            while more:
                message = await receive()
                size += len(message["body"])
                self.busy += len(message["body"])
                self.most = max(self.most, self.busy)
                more = message["more_body"]
            await asyncio.sleep(0.001)
            await send({"type": "http.response.start", "status": 204})
        except OverloadedError as error:
            await send({"type": "http.response.start", "status": error.status})
        finally:
            self.busy -= size


@pytest.mark.parametrize("chunked", [False, True])
def test_a_flood_of_large_bodies_is_bounded(chunked: bool) -> None:
    """Many large bodies at once are taken a few at a time; all are taken, or told to try again."""

    async def play() -> Requests:
        requests = Requests(32 * MB)
        await asyncio.gather(*(requests.send(8 * MB, chunked=chunked) for _ in range(40)))
        return requests

    requests = asyncio.run(play())
    assert 40 == requests.statuses.total()
    assert {204} == set(requests.statuses)
    assert requests.most <= (25 if chunked else 16) * MB


def test_small_ones_pass_while_large_ones_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an ordinary event nor one of a few hundred kilobytes waits behind bodies of megabytes."""
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.01)

    async def play() -> Counter[int]:
        requests = Requests(32 * MB)
        blocker = asyncio.create_task(requests.app._large.take(16 * MB))
        await blocker
        await asyncio.gather(*(requests.send(16 * MB) for _ in range(admission.MAX_WAITING + 5)))
        assert {503: admission.MAX_WAITING + 5} == dict(requests.statuses)
        await requests.send(FREE_BYTES)
        await requests.send(FREE_BYTES, chunked=True)
        await requests.send(500 * 1024)
        return requests.statuses

    assert 3 == asyncio.run(play())[204]
