"""A store that will not open stops nothing: it is moved aside, and what the journal holds is there again."""

import contextlib
from pathlib import Path

import pytest

from tests.commands import leanvibe
from tests.sidecar_process import Sidecar
from tests.waiting import until

BODY = {"hook_event_name": "Stop", "session_id": "s"}


def test_the_sidecar_runs_on_with_a_broken_store(tmp_path: Path) -> None:
    """Events taken while the store was broken are in the new one, and health names the file moved aside."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        sidecar.start()
        sidecar.stop()
        (sidecar.data_dir / "store.duckdb").write_bytes(b"no database" * 1000)
        sidecar.start()
        for number in range(5):
            body = {"hook_event_name": "Stop", "session_id": "s", "prompt_id": f"p{number}"}
            assert 204 == sidecar.post_native(body).status_code

        assert [[5]] == sidecar.sql("SELECT count(*) FROM events")
        part = until(lambda: _store(sidecar), "the store is named in health", sidecar.output)
        assert "degraded" == part["status"]
        assert "store.duckdb.broken-" in part["error"]


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_goes_into_a_store_that_was_taken_away(tmp_path: Path, replaced: bool) -> None:
    """An event taken after the store's file was removed, or replaced by an older one, is in the one that is there."""
    with contextlib.closing(Sidecar(tmp_path)) as sidecar:
        sidecar.start()
        store = sidecar.data_dir / "store.duckdb"
        sidecar.stop()
        older = store.read_bytes()
        sidecar.start()
        assert 204 == sidecar.post_native({**BODY, "prompt_id": "before"}).status_code
        assert 1 == sidecar.count()
        first = sidecar.worker_pid
        store.unlink()
        if replaced:
            store.write_bytes(older)
        assert 204 == sidecar.post_native({**BODY, "prompt_id": "after"}).status_code
        until(lambda: sidecar.worker_pid != first, "the worker begins anew", sidecar.output)
        until(lambda: sidecar.ask("SELECT 1").status_code == 200, "it answers", sidecar.output)
        assert ["after"] in sidecar.sql("SELECT prompt_id FROM events")
        sidecar.kill()
        sidecar.start()
        assert ["after"] in sidecar.sql("SELECT prompt_id FROM events")


@pytest.mark.parametrize("words", [("sql", "SELECT 1"), ("export", "-o", "never.parquet")])
def test_who_only_reads_moves_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    """With none running, a command that asks damaged files says so and leaves them as and where they are."""
    damaged = {"store.duckdb": b"no database" * 1000, "journal.sqlite": b"no journal" * 1000}
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)

    found = leanvibe(*words, "--data-dir", str(tmp_path))

    assert (1, "") == (found.returncode, found.stdout)
    assert "leanvibe serve moves it aside" in found.stderr
    assert damaged == {name: (tmp_path / name).read_bytes() for name in damaged}
    assert [] == list(tmp_path.glob("*broken*"))


def _store(sidecar: Sidecar) -> dict[str, str] | None:
    part: dict[str, str] = sidecar.health()["components"]["store"]
    return part if "broken" in part.get("error", "") else None
