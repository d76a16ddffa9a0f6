"""A store that will not open stops nothing: it is moved aside, and what the journal holds is there again."""

import contextlib
from pathlib import Path

from tests.sidecar_process import Sidecar
from tests.waiting import until


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


def _store(sidecar: Sidecar) -> dict[str, str] | None:
    part: dict[str, str] = sidecar.health()["components"]["store"]
    return part if "broken" in part.get("error", "") else None
