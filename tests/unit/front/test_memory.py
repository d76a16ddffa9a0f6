"""Memory of the front: what a burst took is not kept."""

import asyncio
import contextlib
import mmap
import sys

import pytest

from sidecar.front import memory
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the C library's own way, measured by /proc")

MB = 1024 * 1024


def burst() -> list[bytes]:
    """Some of a hundred megabytes: what lives on keeps the holes between from being given back."""
    return [bytes(700 + number % 2000) for number in range(60_000)][::16]


async def look_for(seconds: float, look_seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(memory.give_back_after_bursts(look_seconds), seconds)


def test_what_a_burst_took_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holes between what lives on go back to the system once it is calm."""
    give_back = memory.give_back
    given = asyncio.Event()
    monkeypatch.setattr(memory, "give_back", lambda: (give_back(), given.set()))

    async def burst_between_looks() -> tuple[int, int]:
        looking = asyncio.create_task(memory.give_back_after_bursts(0.4))
        await asyncio.sleep(0.1)
        kept = burst()
        after = memory.private_bytes()
        await asyncio.wait_for(given.wait(), PATIENCE)
        looking.cancel()
        return after - memory.private_bytes(), len(kept)

    given_back, _ = asyncio.run(burst_between_looks())
    assert given_back > 40 * MB


def test_nothing_is_done_about_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Growth below the bound is no reason to hold anything up."""
    calls: list[int] = []
    monkeypatch.setattr(memory, "give_back", lambda: calls.append(1))
    asyncio.run(look_for(0.3, 0.05))
    assert [] == calls


def test_it_is_what_the_system_says() -> None:
    """Bytes, not pages, and without what is shared."""
    shared, private = mmap.mmap(-1, 50 * MB), mmap.mmap(-1, 50 * MB, flags=mmap.MAP_PRIVATE)
    before = at_rest()
    shared.write(b"x" * 50 * MB)
    assert 0 == pytest.approx(at_rest() - before, abs=8 * MB)
    private.write(b"x" * 50 * MB)
    assert 50 * MB == pytest.approx(at_rest() - before, abs=8 * MB)


def at_rest() -> int:
    memory.give_back()
    return memory.private_bytes()
