"""Two processes that may be stopped, killed and frozen at any moment: no answer changes and nothing is lost."""

import gzip
import json
import os
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.rig import API, NATIVE, Answer, Sidecar, command, environment, running, wait_until

SESSIONS = Path(__file__).parents[1] / "data" / "sessions"
EVENT = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash"}


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    with running(tmp_path / "data") as sidecar:
        yield sidecar


def recorded() -> list[bytes]:
    """The body of every recorded hook of the real client."""
    found: list[bytes] = []
    for path in sorted(SESSIONS.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += [json.dumps(json.loads(line)["body"]).encode() for line in lines]
    return found


def run(*words: str, umask: int = 0o022) -> "subprocess.CompletedProcess[str]":
    """A command of `leanvibe` that ends by itself."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=60, env=environment(), umask=umask, check=False
    )


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_killing_the_worker_changes_no_answer(sidecar: Sidecar) -> None:
    """All recorded hooks get an empty 204 while the worker is killed twice among them, and all are stored."""
    bodies = recorded()
    answers: list[Answer] = []
    for number, body in enumerate(bodies):
        if number in {50, 120}:
            sidecar.kill_worker()
        answers.append(sidecar.post(NATIVE, body))
    assert 205 == len(bodies)
    assert {(204, b"")} == {(answer.status, answer.body) for answer in answers}
    wait_until(lambda: _stored(sidecar) == 205)
    assert 205 == sidecar.rows("SELECT count(DISTINCT event_id) FROM events")[0][0]


def _stored(sidecar: Sidecar) -> int:
    answer = sidecar.sql("SELECT count(*) FROM events")
    return int(answer.json["rows"][0][0]) if answer.status == 200 else 0


def test_a_frozen_worker_is_told_and_not_waited_for(sidecar: Sidecar) -> None:
    """While the worker stands still events are taken, health says degraded, and all is there once it goes on."""
    worker = sidecar.kill_worker(signal.SIGSTOP)
    try:
        assert [204] * 50 == [sidecar.post(NATIVE, EVENT).status for _ in range(50)]
        health = wait_until(lambda: (found := sidecar.health())["status"] == "degraded" and found)
        assert "degraded" == health["components"]["worker"]["status"]
    finally:
        os.kill(worker, signal.SIGCONT)
    assert 50 == sidecar.count()


def test_a_worker_that_stays_silent_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that runs and does not answer for too long is ended and started anew."""
    source = "import sidecar.front.worker_link as link; link.BLOCKED_SECONDS = 3.0"
    (tmp_path / "sitecustomize.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(tmp_path / "data") as sidecar:
        worker = sidecar.kill_worker(signal.SIGSTOP)
        wait_until(lambda: sidecar.worker_pid() not in {worker, None})
        wait_until(lambda: 200 == sidecar.sql("SELECT 1").status)


def test_a_worker_is_started_again_after_files_ran_out(tmp_path: Path) -> None:
    """When no process can be had as the worker dies, it is tried again until one can."""
    with running(tmp_path / "data", {resource.RLIMIT_NOFILE: 64}) as sidecar:
        address = ("127.0.0.1", sidecar.port)
        clients = [socket.create_connection(address) for _ in range(100)]
        worker = sidecar.kill_worker()
        wait_until(lambda: not alive(worker))
        threading.Event().wait(1)
        for client in clients:
            client.close()
        wait_until(lambda: 200 == sidecar.sql("SELECT 1").status)


def test_stopping_is_orderly(sidecar: Sidecar) -> None:
    """SIGTERM ends front and worker with exit code 0; every event is there at the next start."""
    for _ in range(100):
        sidecar.post(NATIVE, EVENT)
    worker = wait_until(sidecar.worker_pid)
    assert 0 == sidecar.stop()
    assert not alive(worker)
    assert not (sidecar.data_dir / "server.json").exists()
    assert 100 == sidecar.start().count()


def test_a_killed_front_loses_nothing(sidecar: Sidecar) -> None:
    """After SIGKILL under load the worker ends by itself, and every event that was acknowledged is there."""
    acknowledged: list[int] = []

    def load(number: int) -> None:
        try:
            while True:
                sidecar.request("POST", NATIVE, json.dumps({**EVENT, "n": number}).encode(), JSON_TYPE)
                acknowledged.append(number)
        except (OSError, ValueError):
            pass

    threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(acknowledged) > 500)
    worker = wait_until(sidecar.worker_pid)
    sidecar.kill()
    for thread in threads:
        thread.join()
    wait_until(lambda: not alive(worker))
    assert len(acknowledged) <= sidecar.start().count() <= len(acknowledged) + len(threads)


JSON_TYPE = {"Content-Type": "application/json"}


def test_a_full_disk_is_no_acknowledgement(tmp_path: Path) -> None:
    """What cannot be written is a 503 and not stored; what was acknowledged before is there."""
    event = {**EVENT, "c": "word " * 200}
    with running(tmp_path / "data", {resource.RLIMIT_FSIZE: 1 << 20}) as sidecar:
        statuses = [sidecar.post(NATIVE, event).status for _ in range(2000)]
        assert {204, 503} == set(statuses)
        assert "unhealthy" == sidecar.health()["components"]["journal"]["status"]
        sidecar.stop()
    with running(tmp_path / "data") as sidecar:
        assert statuses.count(204) == sidecar.count()


def test_a_taken_port_is_said_with_its_holder(sidecar: Sidecar, tmp_path: Path) -> None:
    """A second sidecar on the port ends with an error that names the first, and how to choose another port."""
    found = run("serve", "--port", str(sidecar.port), "--data-dir", str(tmp_path / "other"))
    assert 0 != found.returncode
    assert f"pid {sidecar.pid}" in found.stderr
    assert "--port" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_port_of_another_program_is_said(tmp_path: Path) -> None:
    """A port that something else holds ends with an error, also when that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = run("serve", "--port", str(other.getsockname()[1]), "--data-dir", str(tmp_path / "data"))
    assert (1, True) == (found.returncode, "another program" in found.stderr)


def test_a_data_dir_serves_one(sidecar: Sidecar) -> None:
    """A second sidecar on the directory ends with an error that names the first, which goes on."""
    found = run("serve", "--port", "0", "--data-dir", str(sidecar.data_dir))
    assert 0 != found.returncode
    assert f"pid {sidecar.pid}" in found.stderr
    assert "--data-dir" in found.stderr
    assert 204 == sidecar.post(NATIVE, EVENT).status


def test_everything_on_disk_is_private(tmp_path: Path) -> None:
    """Under any umask, running, stopped and asked while stopped: directories 0700, files 0600."""
    with running(tmp_path / "data") as sidecar:
        sidecar.post(NATIVE, EVENT)
        sidecar.count()
        assert {0o600} == _modes(sidecar.data_dir)
        sidecar.post(NATIVE, EVENT)
        sidecar.kill()
    found = run("sql", "SELECT count(*) AS n FROM events", "--format", "csv", "--data-dir", str(sidecar.data_dir))
    assert "n\n2\n" == found.stdout
    assert {0o600} == _modes(sidecar.data_dir)
    assert 0o700 == sidecar.data_dir.stat().st_mode & 0o777


def _modes(path: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in path.rglob("*") if not file.is_dir()}


@pytest.mark.parametrize("where", ["file/data", "/proc/leanvibe"])
def test_a_data_dir_that_cannot_be_had_is_said(tmp_path: Path, where: str) -> None:
    """A directory that cannot be made is one line on stderr and exit code 1."""
    (tmp_path / "file").touch()
    found = run("serve", "--port", "0", "--data-dir", str(tmp_path / where))
    assert 1 == found.returncode
    assert "cannot use the data directory" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_long_path_works(tmp_path: Path) -> None:
    """A data directory whose path no Unix socket can have is served all the same."""
    with running(tmp_path / ("d" * 200)) as sidecar:
        sidecar.post(NATIVE, EVENT)
        assert 1 == sidecar.count()
        assert 200 == sidecar.request("GET", f"{API}/events", headers=sidecar.bearer()).status
        assert {0o600} == _modes(sidecar.data_dir)
