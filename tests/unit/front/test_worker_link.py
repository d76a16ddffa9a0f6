"""Laws of the link to the worker: nothing that comes from there, or from starting one, is the end of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar import wire
from sidecar.front import tasks as tasks_module
from sidecar.front import worker_link as module
from sidecar.front.tasks import Tasks
from sidecar.front.worker_link import WorkerLink
from sidecar.settings import Settings

ANSWER = b'{"passed": 3, "store_seq": 5, "exports_metrics": false}'


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_module, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(module, "PROGRESS_SECONDS", 0.001)


async def until(ask: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not ask():  # noqa: ASYNC110  what is asked sets no event
            await asyncio.sleep(0)


def test_an_odd_answer_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After whatever the question how far it is brought, it is asked again, and what is passed is trimmed."""
    answers: list[Any] = [KeyError("x"), b"[]", b"{}", b'{"passed": "x", "store_seq": {}}', ANSWER]

    async def ask(*_: Any) -> msgspec.Raw:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return msgspec.Raw(answer)

    async def run() -> None:
        trimmed: set[tuple[int, int]] = set()
        link = WorkerLink(Settings(data_dir=tmp_path), lambda *passed: trimmed.add(passed), tasks := Tasks())
        monkeypatch.setattr(link, "_keep_running", asyncio.Event().wait)
        monkeypatch.setattr(wire, "ask", ask)
        link.start()
        await until(lambda: link.progress and (3, 5) in trimmed)

        assert "worker-progress" in (tasks.trouble or "")
        assert 3 <= tasks.failures["worker-progress"]
        await link.stop()

    asyncio.run(run())


def test_a_start_that_fails_oddly_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever starting a process raises, it is tried again."""

    async def spawn(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    async def run() -> None:
        link = WorkerLink(Settings(data_dir=tmp_path), lambda *_: None, tasks := Tasks())
        monkeypatch.setattr(asyncio, "create_subprocess_exec", spawn)
        link.start()
        await until(lambda: tasks.failures["worker"] >= 3)

        assert (tasks.trouble or "").startswith("worker: RuntimeError at ")
        await link.stop()

    asyncio.run(run())
