"""Laws of a damaged journal whose mending is cut off: no step of it is one at which a kill costs what can be read."""

import logging
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from sidecar import events
from sidecar.journal import Entry, JournalWriter, mending, outside
from sidecar.journal.mending import UNFINISHED, WHOLE
from tests.recorded_events import recorded_events
from tests.unit.journal.test_recovery import PAGE, damage, numbers
from tests.unit.journal.test_writer import append

ROWS = 300
KILLED = 9
PROGRAM = """
import contextlib, os, sys
from pathlib import Path
from sidecar.journal import mending
from sidecar.journal.recovery import open_journal

left = int(sys.argv[2])

def step():
    global left
    left -= 1
    if left < 0:
        os._exit(9)

@contextlib.contextmanager
def transaction(connection, begun=mending.transaction):
    step()
    with begun(connection):
        yield
    step()

mending.SALVAGE_ROWS, mending.transaction = 100, transaction
sys.addaudithook(lambda event, _: step() if event in {"os.rename", "os.remove"} else None)
open_journal(Path(sys.argv[1]))
os._exit(0)
"""
"""Opens a journal, and dies before the step of that number: a file renamed or removed, rows saved."""


@pytest.fixture(name="damaged")
def _damaged(tmp_path: Path) -> Path:
    """A journal with damage in its midst, whose newest events are in its log, as a crash leaves it."""
    whole = tmp_path / "whole" / "journal.sqlite"
    whole.parent.mkdir()
    journal = JournalWriter(whole)
    event = events.encode(recorded_events(1)[0])
    append(journal, *(Entry(f"e{number}", event + b" " * PAGE) for number in range(ROWS)))
    journal._connection.wal_checkpoint()
    append(journal, Entry("last", event))
    damaged = tmp_path / "damaged" / "journal.sqlite"
    shutil.copytree(whole.parent, damaged.parent)
    journal.close()
    damage(damaged, 40, damaged.stat().st_size // PAGE - 40)
    return damaged


def test_a_kill_while_it_is_mended_costs_nothing(
    damaged: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed at any step, the next start has every event that a mending without a kill saves, and leaves no draft."""
    caplog.set_level(logging.CRITICAL)
    expected = mended(shutil.copytree(damaged.parent, tmp_path / "unharmed") / damaged.name)
    assert ROWS - 20 < len(expected) <= ROWS
    assert ROWS + 1 == max(expected)

    for step in count():
        path = shutil.copytree(damaged.parent, tmp_path / f"killed-{step}") / damaged.name
        code = subprocess.run([sys.executable, "-c", PROGRAM, str(path), str(step)], check=False).returncode
        assert mended(path) == expected, step
        assert [] == [one for one in path.parent.iterdir() if one.name.endswith((UNFINISHED, WHOLE))]
        if not code:
            break
        assert KILLED == code
    assert step > 10


def test_what_a_forwarder_appends_meanwhile_is_kept(
    damaged: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While a sidecar that starts mends its journal, hooks append to it: those events are in the new one too."""
    caplog.set_level(logging.CRITICAL)
    event = events.encode(recorded_events(1)[0])
    given_ids = mending.save_given_ids

    def meanwhile(*connections: object) -> None:
        monkeypatch.setattr(mending, "save_given_ids", given_ids)
        assert outside.append(damaged.parent, Entry("forwarded", event, given=True), max_bytes=1 << 30)

    monkeypatch.setattr(mending, "save_given_ids", meanwhile)
    newest = max(mended(damaged))
    assert ROWS + 2 == newest


def mended(path: Path) -> list[int]:
    """The numbers of a journal's events after a start, and that the next number is above all."""
    journal = JournalWriter(path)
    found = numbers(path)
    assert append(journal, Entry("new", b"{}"))[0].seq > ROWS + 1
    journal.close()
    return found
