"""Whatever happens to the worker, ingest goes on, health says why, and nothing is lost."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.otlp_receiver import Answer, OtlpReceiver
from tests.processes import child_of, processes
from tests.sidecar_process import Sidecar
from tests.waiting import until

BOMB = "SELECT string_agg(repeat('x', 1000), '') FROM range(10000000)"


def post(sidecar: Sidecar, numbers: range) -> None:
    for number in numbers:
        body = {"hook_event_name": "Stop", "session_id": "s", "prompt_id": f"p{number}"}
        assert 204 == sidecar.post_native(body).status_code


def worker_status(sidecar: Sidecar) -> dict[str, str]:
    found: dict[str, str] = sidecar.health()["components"]["worker"]
    return found


def events(sidecar: Sidecar) -> Callable[[], bool]:
    def all_stored() -> bool:
        answer = sidecar.ask("SELECT count(DISTINCT prompt_id) FROM events")
        return bool(answer.is_success and [[40]] == answer.json()["rows"])

    return all_stored


def test_a_stopped_worker_holds_up_nothing(tmp_path: Path) -> None:
    """Frozen by SIGSTOP it delays no answer, is named in health, and goes on where it was."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        sidecar.start()
        post(sidecar, range(20))
        worker = sidecar.worker_pid
        os.kill(worker, signal.SIGSTOP)
        try:
            post(sidecar, range(20, 40))
            until(lambda: degraded(sidecar, "does not answer"), "health names it", sidecar.output)
        finally:
            os.kill(worker, signal.SIGCONT)

        until(events(sidecar), "all are stored", sidecar.output)
        assert worker == child_of(sidecar.pid)


def test_a_worker_that_dies_at_every_start_holds_up_nothing(tmp_path: Path) -> None:
    """While it cannot start, events are taken, health says how it ended; once it can, all are there."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        sidecar.data_dir.mkdir(mode=0o700)
        (sidecar.data_dir / "store.duckdb").mkdir()
        sidecar.start(with_worker=False)
        post(sidecar, range(40))
        part = until(lambda: degraded(sidecar, "code 1"), "health says how it ended", sidecar.output)
        (sidecar.data_dir / "store.duckdb").rmdir()

        assert "started again" in part["error"]
        assert "store.duckdb" in part["error"]
        until(lambda: "lag_events" in sidecar.health()["components"]["store"], "it is up", sidecar.output)
        until(events(sidecar), "all are stored", sidecar.output)


def degraded(sidecar: Sidecar, why: str = "") -> dict[str, str] | None:
    part = worker_status(sidecar)
    return part if part["status"] == "degraded" and why in part.get("error", "") else None


def test_a_query_that_takes_all_memory_holds_up_nothing(tmp_path: Path) -> None:
    """While queries beyond worker's ceiling end it or are refused, events are taken, and stored afterwards."""
    with contextlib.closing(Sidecar(tmp_path, {"LEANVIBE_WORKER_MEMORY_MB": "700"})) as sidecar:
        sidecar.start()
        bombs = [threading.Thread(target=sidecar.ask, args=[BOMB]) for _ in range(3)]
        for number, bomb in enumerate(bombs):
            bomb.start()
            post(sidecar, range(number * 10, number * 10 + 10))
        for bomb in bombs:
            bomb.join()
        post(sidecar, range(30, 40))
        until(lambda: not degraded(sidecar), "it is well", sidecar.output)
        until(events(sidecar), "all are stored", sidecar.output)


def test_a_worker_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends the sidecar in order although its worker hangs; the worker is gone, and nothing is lost."""
    (tmp_path / "sitecustomize.py").write_text("import sidecar.front.worker_link as link; link.STOP_SECONDS = 1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        sidecar.start()
        worker = sidecar.worker_pid
        os.kill(worker, signal.SIGSTOP)
        post(sidecar, range(40))
        sidecar.stop()
        assert worker not in processes()
        sidecar.start()
        until(events(sidecar), "all are stored", sidecar.output)


def test_what_is_left_at_shutdown_is_delivered_at_the_next_start(tmp_path: Path) -> None:
    """SIGTERM ends it in order within its deadline though a sink fails; the sink gets the rest afterwards."""
    with OtlpReceiver() as receiver:
        receiver.answer_always(Answer(status=503))
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        with contextlib.closing(Sidecar(tmp_path, env)) as sidecar:
            sidecar.start()
            post(sidecar, range(5))
            until(lambda: receiver.requests, "it was tried", sidecar.output)
            sidecar.stop()
            receiver.answer_always(Answer())
            sidecar.start()
            spans = until(lambda: len(receiver.spans) >= 5 and receiver.spans, "it has the rest", sidecar.output)

    assert 5 == len({span.span_id for span in spans})


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """A second SIGTERM does not wait for anything; what was acknowledged is there at the next start."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        sidecar.start()
        post(sidecar, range(40))
        worker = sidecar.worker_pid
        os.kill(worker, signal.SIGSTOP)  # so that the front has something to wait for
        process = sidecar._process
        assert process is not None

        def told_again() -> bool:  # two signals at once are one
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        until(told_again, "it has ended", sidecar.output)
        assert 1 == process.returncode
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in processes(), "the worker has gone")
        sidecar.start()
        until(events(sidecar), "all are stored", sidecar.output)
