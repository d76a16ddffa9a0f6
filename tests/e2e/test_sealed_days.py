"""A day that is over leaves the hot part of a running sidecar: readable by others, and kept within bounds."""

import subprocess
import sys
from pathlib import Path

import duckdb
import redis

from tests.commands import leanvibe
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until

EVENTS = 40
OTHER_PROCESS = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall()[0][0])"


def body(number: int) -> dict[str, object]:
    return {
        "hook_event_name": "Stop",
        "session_id": "s",
        "prompt_id": f"p{number}",
        "text": "é " * (40_000 if number % 10 == 0 else 10),
    }


def age(sidecar: Sidecar, days: str) -> None:
    """Lets what is in the hot part of a stopped sidecar have been received days ago; `days` is SQL."""
    with duckdb.connect(str(sidecar.data_dir / "store.duckdb")) as connection:
        connection.execute(f"UPDATE events_hot SET received_at = received_at - to_days({days})")


def sealed_files(sidecar: Sidecar) -> list[Path]:
    return sorted((sidecar.data_dir / "sealed").glob("*.parquet"))


def test_a_day_is_sealed_and_in_the_end_deleted(redis_url: str, tmp_path: Path) -> None:
    """Sealed while it runs, read by another process and SQL, served to a late sink, in the end deleted by age."""
    with running_sidecar(home=tmp_path) as sidecar:
        for number in range(EVENTS):
            assert 204 == sidecar.post_native(body(number)).status_code
        sidecar.sql("SELECT 1")
        sidecar.stop()
        age(sidecar, "2")
        sidecar.start()
        until(
            lambda: sidecar.health()["components"]["store"].get("sealed", {}).get("events") == EVENTS,
            "sealed",
            sidecar.output,
        )

        query = f"SELECT count(*) FROM '{sidecar.data_dir}/sealed/events-*.parquet'"
        told = subprocess.check_output([sys.executable, "-c", OTHER_PROCESS, query], text=True)
        assert EVENTS == int(told)
        assert [[EVENTS, 4]] == sidecar.sql("SELECT count(*), count(*) FILTER (length(payload) > 50000) FROM events")
        assert [[0]] == sidecar.sql("SELECT count(*) FROM events_hot")

    with running_sidecar(home=tmp_path, env={"LEANVIBE_REDIS_URL": redis_url}) as sidecar:
        sidecar.wait_for_sinks("redis")
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            entries: list[tuple[str, dict[str, str]]] = client.xrange("leanvibe:events")  # type: ignore[assignment]
        assert [f"p{number}" for number in range(EVENTS)] == [fields["prompt_id"] for _, fields in entries]
        sidecar.post_native(body(EVENTS))  # of today: without one the clock would be believed after an hour only
        sidecar.sql("SELECT 1")

    settings = {"LEANVIBE_STORE_MAX_DAYS": "1", "LEANVIBE_SQL_TIMEOUT_SECONDS": "1"}
    with running_sidecar(home=tmp_path, env=settings) as sidecar:
        until(lambda: not sealed_files(sidecar), "the files are deleted", sidecar.output)
        gone = until(lambda: sidecar.health()["components"]["store"].get("forgotten"), "counted", sidecar.output)
        assert {"age": EVENTS} == gone
        assert [[1]] == sidecar.sql("SELECT count(*) FROM events")
        assert f'leanvibe_store_deleted_total{{reason="age"}} {float(EVENTS)}' in sidecar.get("/metrics").text


def test_a_stopped_sidecar_answers_from_sealed_days(tmp_path: Path) -> None:
    """`leanvibe sql` without a sidecar sees both parts, and a file that was lost meanwhile costs no other."""
    with running_sidecar(home=tmp_path) as sidecar:
        for number in range(3):
            sidecar.post_native(body(number))
        sidecar.stop()
        age(sidecar, "3 - seq")
        sidecar.start()
        until(
            lambda: sidecar.health()["components"]["store"].get("sealed", {}).get("events") == 2,
            "sealed",
            sidecar.output,
        )
        sidecar.stop()
        query = ("sql", "SELECT count(*) AS n FROM events", "--format", "csv", "--data-dir", str(sidecar.data_dir))
        assert "n\n3\n" == leanvibe(*query).stdout
        next(path for path in sealed_files(sidecar) if path.name.startswith("events-")).unlink()
        assert "n\n2\n" == leanvibe(*query).stdout


def test_a_file_damaged_while_it_runs(tmp_path: Path) -> None:
    """A query that meets damage fails once; then the file is left out, health says so, and all queries answer."""
    with running_sidecar(home=tmp_path) as sidecar:
        sidecar.post_native(body(1))
        sidecar.sql("SELECT 1")
        sidecar.stop()
        age(sidecar, "2")
        sidecar.start()
        until(
            lambda: sidecar.health()["components"]["store"].get("sealed", {}).get("files") == 1,
            "sealed",
            sidecar.output,
        )
        sidecar.post_native(body(2))
        sealed_files(sidecar)[0].write_bytes(b"damaged")

        assert 400 == sidecar.ask("SELECT max(payload) FROM events").status_code
        until(lambda: sidecar.ask("SELECT max(payload) FROM events").status_code == 200, "healed", sidecar.output)
        assert [[1]] == sidecar.sql("SELECT count(*) FROM events")
        until(lambda: "left out" in sidecar.health()["components"]["store"].get("error", ""), "said", sidecar.output)
