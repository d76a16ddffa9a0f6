"""What somebody does to the files of a running sidecar is noticed, told, and over when it is put right."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import spool, wire
from sidecar.state_dir import SERVER_FILE
from tests.sidecar_process import Sidecar
from tests.waiting import until


@pytest.fixture(name="sidecar")
def _sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        yield sidecar.start()


def take(sidecar: Sidecar, number: int) -> int:
    """The status of one event."""
    body = {"hook_event_name": "Stop", "session_id": "s", "prompt_id": f"p{number}"}
    return sidecar.post_native(body).status_code


def all_stored(sidecar: Sidecar, prompts: set[str]) -> bool:
    answer = sidecar.ask("SELECT DISTINCT prompt_id FROM events")
    return answer.is_success and prompts == {row[0] for row in answer.json()["rows"]}


def test_a_journal_that_is_removed_costs_nothing_acknowledged(sidecar: Sidecar) -> None:
    """Whatever was answered with success is stored, from before and after; health says what happened."""
    assert 204 == take(sidecar, 0)
    for file in sidecar.data_dir.glob("journal.sqlite*"):
        file.unlink()
    assert 503 == take(sidecar, 1)
    until(lambda: take(sidecar, 2) == 204, "events are taken again", sidecar.output)

    until(lambda: all_stored(sidecar, {"p0", "p2"}), "both are stored", sidecar.output)
    assert "taken away" in sidecar.health()["components"]["journal"]["error"]


def test_odd_things_in_place_of_files(sidecar: Sidecar) -> None:
    """A folder in the spool is told and keeps no event out, one in place of the worker's socket is told as well."""
    folder = sidecar.data_dir / spool.FOLDER
    odd = (folder / "a.json", sidecar.data_dir / wire.SOCKET_FILE)
    odd[0].mkdir(parents=True)
    spool.keep(sidecar.data_dir, {"event_id": "z", "forwarded_at": 1, "session_id": "s", "prompt_id": "p1"})
    until(lambda: "a.json" in sidecar.health()["components"]["tasks"].get("error", ""), "it is told", sidecar.output)
    odd[1].unlink()
    odd[1].mkdir()
    sidecar.kill_worker()
    until(lambda: "worker.sock" in sidecar.health()["components"]["worker"].get("error", ""), "why", sidecar.output)
    for one in odd:
        one.rmdir()

    until(lambda: all_stored(sidecar, {"p1"}), "the event is stored", sidecar.output)
    assert 'leanvibe_task_failures_total{task="spool"}' in sidecar.get("/metrics").text


def test_it_ends_in_order_though_it_cannot_say_so(sidecar: Sidecar) -> None:
    """A folder in place of the file that names it keeps nothing from being flushed."""
    assert 204 == take(sidecar, 1)
    (sidecar.data_dir / SERVER_FILE).unlink()
    (sidecar.data_dir / SERVER_FILE).mkdir()

    sidecar.stop()
    assert "Traceback" not in sidecar.output()
