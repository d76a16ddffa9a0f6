"""Laws of a worker's end: a thread that it cannot do without does not end alone, and why is left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar import wire
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
