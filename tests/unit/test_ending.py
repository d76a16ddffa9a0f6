"""Laws of a worker's end: a thread that it cannot do without does not end alone, and why is left behind."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar import wire
from sidecar.worker import ceiling, ending
from sidecar.worker.ending import FAULT

PROGRAM = """
import sys, threading
from pathlib import Path
from sidecar.worker import ending

def fail():
    raise ValueError("a secret of the event")

ending.watch_threads(Path(sys.argv[1]))
thread = threading.Thread(target=fail, name=sys.argv[2])
thread.start()
thread.join()
"""


def run(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), name]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["store", "upkeep", "sink-redis", "otlp-metrics", "front"])
def test_a_thread_of_ours_takes_the_worker_with_it(tmp_path: Path, name: str) -> None:
    """The process ends, and says which thread it was and where, but nothing of what the error quotes."""
    ended = run(tmp_path, name)

    said = f"its thread {name} failed: ValueError at <string>:7"
    assert (FAULT, f"worker: {said}\n") == (ended.returncode, ended.stderr)
    assert [said, None] == [wire.last_word(tmp_path), wire.last_word(tmp_path)]


def test_a_thread_of_a_library_ends_alone(tmp_path: Path) -> None:
    """What is not ours is not known to be needed."""
    assert 0 == run(tmp_path, "Thread-1 (poll)").returncode
    assert wire.last_word(tmp_path) is None


def test_a_word_that_cannot_be_left_is_missed_by_nobody(tmp_path: Path) -> None:
    """Then the exit code has to do."""
    (tmp_path / wire.WORD_FILE).mkdir()
    wire.leave_word(tmp_path, "why")

    assert wire.last_word(tmp_path) is None


def test_what_fails_in_the_loop_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """It names the kind and place of an error, but shows no traceback and nothing of what the error quotes."""

    def fail() -> None:
        raise ValueError("a secret of the event")

    async def failing() -> None:
        loop = asyncio.get_running_loop()
        ending.watch_loop(loop)
        loop.call_soon(fail)
        await asyncio.sleep(0)
        loop.call_exception_handler({"message": "a socket was left open"})

    with caplog.at_level(logging.ERROR):
        asyncio.run(failing())

    failed, left = caplog.records
    assert "ValueError at test_ending.py" in failed.getMessage()
    assert "a socket was left open: no error is known" == left.getMessage()
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_line_that_cannot_be_written_is_left_out() -> None:
    """Nothing of what it was to say comes instead of it, nor a traceback."""
    program = (
        "from sidecar import log; log.configure('INFO'); log.LOGGER.error('%d', 'a secret'); log.LOGGER.error('b')"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stderr.endswith(" ERROR b\n")
    assert 1 == run.stderr.count("\n")


def test_a_loop_without_memory_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """When what failed in the loop has used up all memory, the front starts another worker."""
    codes: list[int] = []
    monkeypatch.setattr(ceiling, "is_used_up", lambda: True)
    monkeypatch.setattr(ceiling.os, "_exit", codes.append)

    async def failing() -> None:
        ending.watch_loop(asyncio.get_running_loop())
        asyncio.get_running_loop().call_exception_handler({"message": "no memory", "exception": MemoryError()})

    asyncio.run(failing())

    assert [ceiling.USED_UP] == codes
