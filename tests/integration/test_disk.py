"""When the disk takes no more, nothing is acknowledged; when it does again, all goes on without a restart."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import processes
from tests.sidecar_process import Sidecar
from tests.waiting import until

SIZE_MB = 24
OWN_DISK = 'mount -t tmpfs -o size="$1"m tmpfs "$2" && shift 2 && exec "$@"'


class Taken:
    """Posts numbered events and keeps those that were acknowledged."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._number = 0
        self.acknowledged: set[str] = set()

    def post(self, size: int = 100) -> int:
        """The status of one more event."""
        self._number += 1
        body = {
            "hook_event_name": "Stop",
            "session_id": "s",
            "prompt_id": f"p{self._number}",
            "text": "x " * (size // 2),
        }
        answer = self._sidecar.post_native(body)
        if answer.is_success:
            self.acknowledged.add(f"p{self._number}")
        else:
            assert (503, True) == (answer.status_code, "hint" in answer.json()), answer.text
        return answer.status_code

    def stored(self) -> set[str]:
        """The events that SQL sees."""
        return {row[0] for row in self._sidecar.sql("SELECT prompt_id FROM events")}


@pytest.fixture(name="own_disk")
def _own_disk(tmp_path: Path) -> Iterator[Sidecar]:
    """A sidecar whose data directory is a small disk of its own, in a mount namespace of its own."""
    unshare = shutil.which("unshare")
    inside = tmp_path / "data"
    inside.mkdir()
    private = [str(unshare), "--mount", "--map-root-user", "--propagation", "private", "sh", "-c", OWN_DISK, "sh"]
    if unshare is None or subprocess.run([*private, "1", str(inside), "true"], check=False).returncode:
        pytest.skip("no mount namespace can be had here")
    leanvibe = Sidecar(tmp_path)._program
    sidecar = Sidecar(tmp_path, program=(*private, str(SIZE_MB), str(inside), *leanvibe))
    sidecar.reach_data_by(lambda pid: Path(f"/proc/{pid}/root{inside}"))
    with contextlib.closing(sidecar):
        yield sidecar.start()


def test_a_full_disk_refuses_and_recovers(own_disk: Sidecar) -> None:
    """503 and unhealthy while nothing fits; then every acknowledged event is in the store, without a restart."""
    taken = Taken(own_disk)
    filler = own_disk.data_dir / "filler"
    for _ in range(20):
        taken.post()
    until(lambda: taken.stored() >= taken.acknowledged, "the store has them")
    fill(filler)
    until(lambda: taken.post(50_000) == 503, "the journal is full")
    health = own_disk.health()
    filler.unlink()
    until(lambda: taken.post() == 204, "there is room again", own_disk.output)

    assert ("unhealthy", "unhealthy") == (health["status"], health["components"]["journal"]["status"])
    assert "free space" in health["components"]["journal"]["error"]
    until(lambda: quiet(taken.stored) >= taken.acknowledged, "the store has everything", own_disk.output)
    assert "healthy" == own_disk.health()["components"]["journal"]["status"]


def test_a_file_that_may_not_grow_refuses_and_recovers(tmp_path: Path) -> None:
    """A limit on the size of files, as a quota sets one, is the same to us as a full disk; no root is needed."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        taken = Taken(sidecar.start())
        for _ in range(20):
            taken.post()
        with limited([sidecar.pid, sidecar.worker_pid], resource.RLIMIT_FSIZE, 4096):
            until(lambda: taken.post() == 503, "nothing can be written")
            assert "unhealthy" == sidecar.health()["components"]["journal"]["status"]
        until(lambda: taken.post() == 204, "it can be written again", sidecar.output)

        until(lambda: quiet(taken.stored) >= taken.acknowledged, "the store has everything", sidecar.output)


def test_too_many_open_files_costs_nothing(tmp_path: Path) -> None:
    """Without a free descriptor connections wait; what is acknowledged meanwhile and afterwards is all there."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        taken = Taken(sidecar.start())
        taken.post()
        worker = sidecar.worker_pid
        until(lambda: taken.stored() >= taken.acknowledged, "the worker is up")
        with (
            limited([sidecar.pid], resource.RLIMIT_NOFILE, descriptors(sidecar.pid)),
            contextlib.suppress(httpx.HTTPError),
        ):
            for _ in range(20):
                assert 204 == taken.post()
            httpx.get(f"{sidecar.url}/metrics", timeout=0.5, trust_env=False)

        assert 204 == taken.post()
        assert httpx.get(f"{sidecar.url}/metrics", timeout=10, trust_env=False).is_success
        until(lambda: quiet(taken.stored) >= taken.acknowledged, "the store has everything", sidecar.output)
        assert worker in processes()


def test_a_directory_that_cannot_be_written_is_an_error_at_start(tmp_path: Path) -> None:
    """A read-only data directory ends `serve` with one line that names it and says what to do."""
    inside = tmp_path / "data"
    inside.mkdir()
    mounted = OWN_DISK.replace("-o ", "-o ro,")
    command = ["unshare", "--mount", "--map-root-user", "--propagation", "private", "sh", "-c", mounted, "sh", "1"]
    if shutil.which("unshare") is None or subprocess.run([*command, str(inside), "true"], check=False).returncode:
        pytest.skip("no mount namespace can be had here")
    serve = [*Sidecar(tmp_path)._program, "serve", "--port", "0", "--data-dir", str(inside)]
    done = subprocess.run([*command, str(inside), *serve], capture_output=True, text=True, check=False, timeout=60)

    assert 1 == done.returncode
    assert f"{inside}: Read-only file system" in done.stderr
    assert "--data-dir" in done.stderr


def fill(file: Path) -> None:
    """Writes until there is no room left."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while out.write(bytes(65_536)):
            pass


@contextlib.contextmanager
def limited(pids: list[int], kind: int, limit: int) -> Iterator[None]:
    """Lowers a limit of running processes for a while."""
    before = {pid: resource.prlimit(pid, kind) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, kind, (limit, hard))
    yield
    for pid, old in before.items():
        with contextlib.suppress(ProcessLookupError):  # a worker that could not go on has been started again
            resource.prlimit(pid, kind, old)


def descriptors(pid: int) -> int:
    """One above the highest open descriptor."""
    return max(int(file.name) for file in Path(f"/proc/{pid}/fd").iterdir()) + 1


def quiet(ask: Any) -> set[str]:
    """The answer, nothing while the worker is being started again."""
    try:
        found: set[str] = ask()
    except AssertionError:
        return set()
    return found
