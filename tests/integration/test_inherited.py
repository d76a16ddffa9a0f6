"""Whatever a sidecar inherits, limits, streams and signals, harms neither privacy nor service."""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from tests.commands import LEANVIBE
from tests.sidecar_process import Sidecar
from tests.waiting import until

SECRET = "ghp_" + "Canary7" * 5 + "a"
BODY = {"hook_event_name": "Stop", "session_id": "s", "last_assistant_message": f"token {SECRET} " + "x" * 50_000}
BLOCKING = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems say elsewhere what is dumped")
def test_a_crash_leaves_no_memory_on_disk(tmp_path: Path) -> None:
    """Front and worker dump nothing, not over a pipe either, though they may: what they hold is not redacted yet."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.closing(Sidecar(tmp_path, limits={resource.RLIMIT_CORE: hard})) as sidecar:
        sidecar.start()
        both = (sidecar.pid, sidecar.worker_pid)
        assert 204 == sidecar.post_native(BODY).status_code
        limits = {resource.prlimit(pid, resource.RLIMIT_CORE)[0] for pid in both}
        dumped = {int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16) for pid in both}
        os.kill(sidecar.pid, signal.SIGSEGV)
        sidecar.kill()

        assert ({0}, {0}) == (limits, dumped)
        assert [] == [name for name, content in sidecar.files().items() if SECRET.encode() in content]


def test_it_runs_without_standard_streams(tmp_path: Path) -> None:
    """Closed ones, as some supervisors leave them, give their numbers to nothing of ours; both processes run."""
    program = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", LEANVIBE)
    with contextlib.closing(Sidecar(tmp_path, program=program)) as sidecar:
        sidecar.start()
        assert 204 == sidecar.post_native(BODY).status_code

        assert 1 == sidecar.count()
        assert 1 == sidecar.health()["components"]["worker"]["starts"]
        sidecar.stop()


def test_blocked_signals_hide_no_end_and_no_order(tmp_path: Path) -> None:
    """Started with SIGTERM and SIGCHLD blocked it starts a worker that died again, and stops in order."""
    with contextlib.closing(Sidecar(tmp_path, program=(sys.executable, "-c", BLOCKING, LEANVIBE))) as sidecar:
        sidecar.start()
        first = sidecar.kill_worker()
        until(lambda: sidecar.worker_pid != first, "another worker", sidecar.output)
        until(lambda: sidecar.ask("SELECT 1").is_success, "it answers", sidecar.output)

        sidecar.stop()
