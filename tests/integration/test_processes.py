"""Two processes that may be stopped, killed and frozen at any moment: no answer changes and nothing is lost."""

import contextlib
import json
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.commands import LEANVIBE, leanvibe
from tests.integration.ingest import NATIVE
from tests.processes import processes
from tests.recorded_events import recorded_payloads
from tests.sidecar_process import API, JSON, Sidecar, running_sidecar
from tests.waiting import until

EVENT = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash"}


@pytest.fixture
def sidecar() -> Iterator[Sidecar]:
    with running_sidecar() as sidecar:
        yield sidecar


def answers_sql(sidecar: Sidecar) -> bool:
    return sidecar.ask("SELECT 1").is_success


def test_killing_the_worker_changes_no_answer(sidecar: Sidecar) -> None:
    """All recorded hooks get an empty 204 while the worker is killed twice among them, and all are stored."""
    bodies = recorded_payloads()
    answers: list[httpx.Response] = []
    for number, body in enumerate(bodies):
        if number in {50, 120}:
            sidecar.kill_worker()
        answers.append(sidecar.post_native(body))
    assert 205 == len(bodies)
    assert {(204, b"")} == {(answer.status_code, answer.content) for answer in answers}
    until(lambda: _stored(sidecar) == 205, "all are stored", sidecar.output)
    assert 205 == sidecar.sql("SELECT count(DISTINCT event_id) FROM events")[0][0]


DIES_AT_ONCE = """
import asyncio
spawn = asyncio.create_subprocess_exec
spawned = []

async def kill_the_first(*args, **options):
    process = await spawn(*args, **options)
    spawned.append(process)
    if len(spawned) == 1:
        process.kill()
        await process.wait()
        await asyncio.sleep(0.1)
    return process

asyncio.create_subprocess_exec = kill_the_first
"""


def test_a_worker_killed_before_it_read_its_settings_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ends as it starts, for want of memory say, is not the last one."""
    (tmp_path / "sitecustomize.py").write_text(DIES_AT_ONCE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running_sidecar() as sidecar:
        assert answers_sql(sidecar)
        assert "was ended by SIGKILL" in sidecar.output()


def _stored(sidecar: Sidecar) -> int:
    answer = sidecar.ask("SELECT count(*) FROM events")
    return int(answer.json()["rows"][0][0]) if answer.is_success else 0


def test_a_frozen_worker_is_told_and_not_waited_for(sidecar: Sidecar) -> None:
    """While the worker stands still events are taken, health says degraded, and all is there once it goes on."""
    worker = sidecar.kill_worker(signal.SIGSTOP)
    try:
        assert [204] * 50 == [sidecar.post_native(EVENT).status_code for _ in range(50)]
        health = until(lambda: (found := sidecar.health())["status"] == "degraded" and found, "it is told")
        assert "degraded" == health["components"]["worker"]["status"]
    finally:
        os.kill(worker, signal.SIGCONT)
    assert 50 == sidecar.count()


def test_a_worker_that_stays_silent_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that runs and does not answer for too long is ended and started anew."""
    source = "import sidecar.front.worker_link as link; link.BLOCKED_SECONDS = 3.0"
    (tmp_path / "sitecustomize.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running_sidecar() as sidecar:
        worker = sidecar.kill_worker(signal.SIGSTOP)
        until(lambda: sidecar.worker_pid != worker, "another worker runs", sidecar.output)
        until(lambda: answers_sql(sidecar), "SQL is answered", sidecar.output)


def test_a_worker_is_started_again_after_files_ran_out() -> None:
    """When no process can be had as the worker dies, it is tried again until one can."""
    with running_sidecar(limits={resource.RLIMIT_NOFILE: 64}) as sidecar:
        address = ("127.0.0.1", sidecar.port)
        clients = [socket.create_connection(address) for _ in range(100)]
        worker = sidecar.kill_worker()
        until(lambda: worker not in processes(), "the worker has gone", sidecar.output)
        threading.Event().wait(1)
        for client in clients:
            client.close()
        until(lambda: answers_sql(sidecar), "SQL is answered", sidecar.output)


def test_stopping_is_orderly(sidecar: Sidecar) -> None:
    """SIGTERM ends front and worker with exit code 0; every event is there at the next start."""
    for _ in range(100):
        sidecar.post_native(EVENT)
    worker = sidecar.worker_pid
    sidecar.stop()
    assert worker not in processes()
    assert not (sidecar.data_dir / "server.json").exists()
    assert 100 == sidecar.start().count()


def test_a_stop_says_nothing_that_is_of_no_use(tmp_path: Path) -> None:
    """Whoever ends it with Ctrl-C after a query sees no page of what libraries complain about at their end."""
    with running_sidecar(home=tmp_path) as sidecar:
        assert 0 == sidecar.count()
        os.kill(sidecar.worker_pid, signal.SIGINT)  # as a terminal does: to all of them
        sidecar.stop()
        assert "nanobind" not in sidecar.output()
        assert "leaked" not in sidecar.output()


def test_a_killed_front_loses_nothing(sidecar: Sidecar) -> None:
    """After SIGKILL under load the worker ends by itself, and every event that was acknowledged is there."""
    acknowledged: list[int] = []

    def load(number: int) -> None:
        try:
            while True:
                sidecar.raw("POST", NATIVE, json.dumps({**EVENT, "n": number}).encode(), JSON)
                acknowledged.append(number)
        except (OSError, ValueError):
            pass

    threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 500, "there is load", sidecar.output)
    worker = sidecar.worker_pid
    sidecar.kill()
    for thread in threads:
        thread.join()
    assert worker not in processes()
    assert len(acknowledged) <= sidecar.start().count() <= len(acknowledged) + len(threads)


def test_a_full_disk_is_no_acknowledgement(tmp_path: Path) -> None:
    """What cannot be written is a 503 and not stored; what was acknowledged before is there."""
    event = {**EVENT, "c": "word " * 200}
    with running_sidecar(home=tmp_path, limits={resource.RLIMIT_FSIZE: 1 << 20}) as sidecar:
        statuses = [sidecar.post_native(event).status_code for _ in range(2000)]
        assert {204, 503} == set(statuses)
        assert "unhealthy" == sidecar.health()["components"]["journal"]["status"]
    with running_sidecar(home=tmp_path) as sidecar:
        assert statuses.count(204) == sidecar.count()


def test_a_taken_port_is_said_with_its_holder(sidecar: Sidecar, tmp_path: Path) -> None:
    """A second sidecar on the port ends with an error that names the first, and how to choose another port."""
    found = leanvibe("serve", "--port", str(sidecar.port), "--data-dir", str(tmp_path / "other"))
    assert 0 != found.returncode
    assert f"pid {sidecar.pid}" in found.stderr
    assert "--port" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_port_of_another_program_is_said(tmp_path: Path) -> None:
    """A port that something else holds ends with an error, also when that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = leanvibe("serve", "--port", str(other.getsockname()[1]), "--data-dir", str(tmp_path / "data"))
    assert (1, True) == (found.returncode, "another program" in found.stderr)


def test_a_data_dir_serves_one(sidecar: Sidecar) -> None:
    """A second sidecar on the directory ends with an error that names the first, which goes on."""
    found = leanvibe("serve", "--port", "0", "--data-dir", str(sidecar.data_dir))
    assert 0 != found.returncode
    assert f"pid {sidecar.pid}" in found.stderr
    assert "--data-dir" in found.stderr
    assert 204 == sidecar.post_native(EVENT).status_code


def test_everything_on_disk_is_private(tmp_path: Path) -> None:
    """Under any umask, running, stopped and asked while stopped: directories 0700, files 0600."""
    with running_sidecar(home=tmp_path) as sidecar:
        sidecar.post_native(EVENT)
        sidecar.count()
        assert {0o600} == _modes(sidecar.data_dir)
        sidecar.post_native(EVENT)
        sidecar.kill()
    query = "SELECT count(*) AS n FROM events"
    found = leanvibe("sql", query, "--format", "csv", "--data-dir", str(sidecar.data_dir))
    assert "n\n2\n" == found.stdout
    assert {0o600} == _modes(sidecar.data_dir)
    assert 0o700 == sidecar.data_dir.stat().st_mode & 0o777


def _modes(path: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in path.rglob("*") if not file.is_dir()}


def test_ctrl_c_stops_both_in_order(tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to the whole group: the front alone heeds it, and no worker is told to have died."""
    with contextlib.closing(Sidecar(tmp_path, program=("setsid", LEANVIBE))) as sidecar:
        worker = sidecar.start().worker_pid
        sidecar.interrupt()

        assert worker not in processes()
        assert "the worker ended" not in sidecar.output()


@pytest.mark.parametrize("where", ["file/data", "/proc/leanvibe"])
def test_a_data_dir_that_cannot_be_had_is_said(tmp_path: Path, where: str) -> None:
    """A directory that cannot be made is one line on stderr and exit code 1."""
    (tmp_path / "file").touch()
    found = leanvibe("serve", "--port", "0", "--data-dir", str(tmp_path / where))
    assert 1 == found.returncode
    assert "cannot use the data directory" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_long_path_works(tmp_path: Path) -> None:
    """A data directory whose path no Unix socket can have is served all the same."""
    home = tmp_path / ("d" * 200)
    home.mkdir()
    with running_sidecar(home=home) as sidecar:
        sidecar.post_native(EVENT)
        assert 1 == sidecar.count()
        assert 200 == sidecar.raw("GET", f"{API}/events", headers=sidecar.bearer).status_code
        assert {0o600} == _modes(sidecar.data_dir)
