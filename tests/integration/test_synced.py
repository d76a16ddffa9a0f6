"""An acknowledgement is written only after the disk has the event: watched from outside, by its system calls."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sidecar_process import Sidecar
from tests.waiting import until

EVENTS = 20
CALLS = "trace=pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg"
UNSYNCED = """
from sidecar.journal import maintenance, schema
maintenance.trim = lambda *_: True  # which sets it again
schema.PRAGMAS = tuple(pragma.replace("synchronous=FULL", "synchronous=OFF") for pragma in schema.PRAGMAS)
from sidecar.cli import main
main()
"""

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_every_acknowledgement_follows_a_sync(tmp_path: Path) -> None:
    """Each 204 is written after an fdatasync of the journal that followed the insert of its event."""
    calls = traced(Sidecar(tmp_path), tmp_path / "calls")

    assert EVENTS == len(acknowledged_after(calls))
    assert {"insert, sync"} == set(acknowledged_after(calls))


def test_the_law_sees_a_journal_that_does_not_sync(tmp_path: Path) -> None:
    """With `synchronous=OFF` the same watch finds acknowledgements without a sync."""
    calls = traced(Sidecar(tmp_path, program=(sys.executable, "-c", UNSYNCED)), tmp_path / "calls")

    assert {"insert"} == set(acknowledged_after(calls))


def acknowledged_after(calls: list[str]) -> list[str]:
    """For each 204, what happened to the journal's log since the one before."""
    found: list[str] = []
    since: list[str] = []
    for call in calls:
        if "journal.sqlite-wal" in call:
            what = "insert" if "write" in call else "sync" if "sync" in call else ""
            since = since if since[-1:] == [what] else [*since, what]
        elif "HTTP/1.1 204" in call:
            found.append(", ".join(since))
            since = []
    return found


def traced(sidecar: Sidecar, file: Path) -> list[str]:
    """The system calls of the front while it takes events, one after the other, in order of their end."""
    with contextlib.closing(sidecar):
        sidecar.start()
        until(lambda: "lag_events" in sidecar.health()["components"]["store"], "the worker is up")
        sidecar.post_native(body(0))
        command = ["strace", "-f", "-y", "-s", "40", "-e", CALLS, "-o", str(file), "-p", str(sidecar.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as watch:
            assert watch.stderr is not None
            if b"attached" not in watch.stderr.readline():
                pytest.skip("tracing is not allowed here")
            for number in range(EVENTS):
                assert 204 == sidecar.post_native(body(number)).status_code
            watch.terminate()
    return finished(file.read_text(errors="replace").splitlines())


def finished(lines: list[str]) -> list[str]:
    """Each call as one line, where it ended: one that another thread interrupted is told in two."""
    begun: dict[str, str] = {}
    calls: list[str] = []
    for line in lines:
        thread = line.split(maxsplit=1)[0]
        if "<unfinished" in line:
            begun[thread] = line
        else:
            calls.append(begun.pop(thread, "") + line if "resumed>" in line else line)
    return calls


def body(number: int) -> dict[str, str]:
    return {"hook_event_name": "Stop", "session_id": "s", "prompt_id": f"p{number}"}
