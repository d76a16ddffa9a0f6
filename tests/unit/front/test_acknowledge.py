"""From the journal's thread to those that wait: everyone is told, in order, once."""

import asyncio
import time
from pathlib import Path
from typing import Any

from sidecar.events import HookEvent
from sidecar.front.acknowledge import Acknowledger
from sidecar.journal import JournalWriter
from sidecar.journal.pace import CALM_NS
from tests.recorded_events import recorded_events

SECONDS = 30.0


async def told(path: Path, count: int, failing: int) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """The ids that those who wait were told, those that were published, and what the event loop was told of."""
    journal = JournalWriter(path)
    published: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    acknowledger = Acknowledger(journal, lambda events: published.set_result([one.event_id for one in events]))
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
    heard: list[str] = []

    def hear(number: int, answer: list[HookEvent] | Exception) -> None:
        if number == failing:
            raise RuntimeError("the client's connection is in no state to be answered")
        assert isinstance(answer, list)
        heard.extend(one.event_id for one in answer)

    for number, event in enumerate(recorded_events(count)):
        acknowledger.queue([event], lambda answer, number=number: hear(number, answer), given=[False])
    acknowledger.hand_over()
    try:
        return heard, await asyncio.wait_for(published, SECONDS), troubles
    finally:
        journal.close()


def test_one_answer_that_fails_fails_alone(tmp_path: Path) -> None:
    """Of a group that is committed together, the others are told and all are published; the loop hears of it."""
    heard, published, troubles = asyncio.run(told(tmp_path / "journal.db", 5, failing=2))

    assert 5 == len(published)
    assert [one for number, one in enumerate(published) if number != 2] == heard
    assert ["an acknowledgement failed"] == [one["message"] for one in troubles]


async def published_by(path: Path) -> list[int]:
    """The numbers as they were published: of a group, and of one that came while the loop was busy."""
    journal = JournalWriter(path)
    published: list[int] = []
    acknowledger = Acknowledger(journal, lambda events: published.extend(one.seq for one in events))
    one, two, three = recorded_events(3)
    for event in (one, two):
        acknowledger.queue([event], lambda _: None, given=[False])
    acknowledger.hand_over()
    while journal.last_seq < 2:  # the loop is busy until the journal's thread has committed
        time.sleep(0.001)  # noqa: ASYNC251  that it does not run meanwhile is what this is about
    time.sleep(2 * CALM_NS / 1e9)  # noqa: ASYNC251  the same
    alone: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    acknowledger.queue([three], alone.set_result, given=[False])
    acknowledger.hand_over()
    try:
        await asyncio.wait_for(alone, SECONDS)
        return published
    finally:
        journal.close()


def test_published_in_the_journals_order(tmp_path: Path) -> None:
    """An event that could be committed at once overtakes no group that was not told of yet."""
    assert [1, 2, 3] == asyncio.run(published_by(tmp_path / "journal.db"))
