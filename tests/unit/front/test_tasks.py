"""Laws of what must not end: a fault is begun again, counted and told, and never the last word."""

import asyncio

import pytest

from sidecar.errors import StartError, said_of
from sidecar.front import tasks as module
from sidecar.front.tasks import Tasks


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.001)


def test_what_fails_is_begun_again() -> None:
    """Whatever a task raises, it runs again; how often, and why, is known until it has been well for a while."""

    async def run() -> None:
        errors: list[Exception] = [RuntimeError("secret"), MemoryError(), OSError(13, "Permission denied")]
        well = asyncio.Event()

        async def work() -> None:
            if errors:
                raise errors.pop(0)
            well.set()
            await asyncio.Event().wait()

        tasks = Tasks()
        tasks.begin("spool", work)
        await asyncio.wait_for(well.wait(), 10)

        assert {"spool": 3} == tasks.failures
        assert "spool: Permission denied" == tasks.trouble
        await tasks.end()
        await tasks.end()

    asyncio.run(run())


def test_each_pause_is_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails again and again is begun less and less often, down to once in the longest pause."""
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 1.0)
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 5.0)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            raise asyncio.CancelledError

    async def run() -> None:
        async def work() -> None:
            raise RuntimeError

        tasks = Tasks()
        monkeypatch.setattr(module.asyncio, "sleep", sleep)
        tasks.begin("spool", work)
        await asyncio.gather(*tasks._running, return_exceptions=True)

    asyncio.run(run())
    assert [1.0, 2.0, 4.0, 5.0, 5.0] == pauses


def test_what_went_well_for_long_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of long ago is counted and no trouble any more."""

    async def run() -> None:
        monkeypatch.setattr(module, "STEADY_SECONDS", -60.0)
        went_on = asyncio.Event()

        async def work() -> None:
            if tasks.failures:
                went_on.set()
                await asyncio.Event().wait()
            raise RuntimeError

        tasks = Tasks()
        tasks.begin("spool", work)
        await asyncio.wait_for(went_on.wait(), 10)

        assert (None, {"spool": 1}) == (tasks.trouble, tasks.failures)
        await tasks.end()

    asyncio.run(run())


def test_an_error_says_no_content() -> None:
    """The text of an error that is not our own may quote an event: its kind and place are told."""
    with pytest.raises(ValueError, match="secret") as raised:
        int("secret")

    assert said_of(raised.value).startswith("ValueError at test_tasks.py:")
    assert "no (do this)" == said_of(StartError("no", hint="do this"))


def test_an_odd_file_name_can_be_told() -> None:
    """What health says of a file is text, whatever bytes the file is called by."""
    assert "a?: denied" == said_of(OSError(13, "a\udcff: denied"))
