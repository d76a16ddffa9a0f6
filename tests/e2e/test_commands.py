"""Laws of the command line, with the real sidecar and the console command."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.cli import COMMANDS
from tests.commands import SECONDS, command_line, environment, leanvibe
from tests.processes import child_of, processes
from tests.recorded_events import recorded_payloads
from tests.servers import scratch
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until


@pytest.fixture(scope="module", name="played")
def _played() -> Iterator[Sidecar]:
    """A sidecar that has taken fifty recorded events."""
    with running_sidecar() as sidecar:
        for body in recorded_payloads()[:50]:
            assert 204 == sidecar.post_native(body).status_code
        yield sidecar


def on(sidecar: Sidecar) -> tuple[str, str]:
    return "--data-dir", str(sidecar.data_dir)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """`--help` of every command, and of every command below it, shows an example."""
    shown = leanvibe(command, "--help")

    assert 0 == shown.returncode
    assert "Example:" in shown.stdout or "Commands" in shown.stdout


@pytest.mark.parametrize("sub", [("db", "upgrade"), ("config", "show"), ("config", "check")])
def test_every_subcommand_explains_itself(sub: tuple[str, str]) -> None:
    """Commands within a group show an example too."""
    assert "Example:" in leanvibe(*sub, "--help").stdout


def test_sql_prints_tables_json_and_csv(played: Sidecar) -> None:
    """One answer in three forms; events that were just acknowledged are in it."""
    query = "SELECT count(*) AS n, 'a,b' AS text, NULL AS nothing FROM events"

    as_json = leanvibe("sql", query, "--format", "json", *on(played))
    assert as_json.stdout == leanvibe("sql", query, "--json", *on(played)).stdout
    as_csv = leanvibe("sql", query, "--format", "csv", *on(played))
    as_table = leanvibe("sql", query, *on(played))

    assert [{"n": 50, "text": "a,b", "nothing": None}] == json.loads(as_json.stdout)
    assert [["n", "text", "nothing"], ["50", "a,b", ""]] == list(csv.reader(io.StringIO(as_csv.stdout)))
    assert "50" in as_table.stdout
    assert "a,b" in as_table.stdout


def test_json_columns_are_text_with_json_in_it(played: Sidecar) -> None:
    """As README says: a field taken out in SQL is what reading the column once more gives."""
    where = "FROM events WHERE tool_name = 'Bash' ORDER BY seq"
    inside = leanvibe("sql", f"SELECT parameters->>'command' AS command {where}", "--format", "json", *on(played))
    outside = leanvibe("sql", f"SELECT parameters {where}", "--format", "json", *on(played))

    columns = [row["parameters"] for row in json.loads(outside.stdout)]
    assert {str} <= {type(one) for one in columns} <= {str, type(None)}
    commands = [one and json.loads(one).get("command") for one in columns]
    assert any(commands)
    assert commands == [row["command"] for row in json.loads(inside.stdout)]


def test_sql_tells_what_is_wrong(played: Sidecar) -> None:
    """A refused or wrong query is one line with what to do, and exit code 1."""
    refused = leanvibe("sql", "DROP TABLE events_hot", *on(played))
    wrong = leanvibe("sql", "SELECT nothing FROM nowhere", *on(played))
    mistyped = leanvibe("sql", "SELECT * FROM tool_stat", *on(played))
    column = leanvibe("sql", "SELECT tool_nam FROM tool_stats", *on(played))

    assert (1, "") == (refused.returncode, refused.stdout)
    assert "error: DROP is not allowed" in refused.stderr
    assert (1, "") == (wrong.returncode, wrong.stdout)
    assert "nowhere" in wrong.stderr
    assert "there are events, sessions" in wrong.stderr
    assert "did you mean tool_stats?" in mistyped.stderr
    assert '"tool_name"' in column.stderr


def test_sql_says_when_there_is_more() -> None:
    """An answer that was cut says so."""
    with running_sidecar({"LEANVIBE_SQL_MAX_ROWS": "3"}) as sidecar:
        shown = leanvibe("sql", "SELECT * FROM range(10)", "--format", "csv", *on(sidecar))

    assert 4 == len(shown.stdout.splitlines())
    assert "truncated" in shown.stderr


def test_sql_opens_the_files_of_a_stopped_sidecar() -> None:
    """With none running the files are asked, journal included."""
    with running_sidecar() as sidecar:
        assert 204 == sidecar.post_native({"session_id": "s", "hook_event_name": "Stop"}).status_code
        sidecar.kill()

        shown = leanvibe("sql", "SELECT session_id FROM events", "--format", "csv", *on(sidecar))

    assert ["session_id", "s"] == shown.stdout.split()


def test_sql_of_a_stopped_sidecar_has_the_memory_of_a_running_one() -> None:
    """Every column of whole sessions is answered from the files, as it is while a sidecar runs."""
    with running_sidecar() as sidecar:
        for body in recorded_payloads():
            sidecar.post_native(body)
        sidecar.stop()

        shown = leanvibe("sql", "SELECT * FROM events ORDER BY seq DESC", "--format", "csv", *on(sidecar))

    assert (0, "") == (shown.returncode, shown.stderr)
    assert 206 <= len(shown.stdout.splitlines())


def test_status_tells_how_it_is(played: Sidecar) -> None:
    """Running and healthy: exit code 0, every part named."""
    shown = leanvibe("status", *on(played))
    facts = json.loads(leanvibe("status", "--json", *on(played)).stdout)

    assert 0 == shown.returncode, shown.stderr
    assert all(part in shown.stdout for part in ("journal", "worker", "store", played.url))
    assert ("healthy", 50) == (facts["health"]["status"], facts["performance"]["events_processed"])


def test_nobody_running_is_said(tmp_path: Path) -> None:
    """Without a sidecar every asking command says so, and what to do."""
    for command in (["status"], ["tail"], ["sql", "SELECT 1"]):
        shown = leanvibe(*command, "--data-dir", str(tmp_path / "none"))

        assert (1, "") == (shown.returncode, shown.stdout)
        assert "leanvibe serve" in shown.stderr


def test_tail_follows(played: Sidecar) -> None:
    """Events that match the filter appear as they are acknowledged, control characters made visible."""
    command = command_line("tail", "--session", "tailed", "--count", "2", *on(played))
    with subprocess.Popen(command, env=environment({}), stdout=subprocess.PIPE, text=True) as process:
        until(lambda: played.health()["components"]["live"]["clients"] >= 1, "tail is connected")
        for name in ("Stop", "Notification", "SessionEnd"):
            body = {"session_id": "tailed", "hook_event_name": name, "message": "\x1b[31mred\x07"}
            assert 204 == played.post_native(body).status_code
            assert 204 == played.post_native({**body, "session_id": "other"}).status_code
            time.sleep(0.1)
        shown, _ = process.communicate(timeout=SECONDS)

    assert [True, True] == ["Stop" in shown, "Notification" in shown]
    assert 2 == len(shown.splitlines())
    assert "\x07" not in shown
    assert "other" not in shown


def test_tail_as_json(played: Sidecar) -> None:
    """With --json each line is one event with every field."""
    command = command_line("tail", "--json", "--count", "1", *on(played))
    before = played.health()["components"]["live"]["clients"]
    with subprocess.Popen(command, env=environment({}), stdout=subprocess.PIPE, text=True) as process:
        until(lambda: played.health()["components"]["live"]["clients"] > before, "tail is connected")
        played.post_native({"session_id": "json", "hook_event_name": "Stop"})
        shown, _ = process.communicate(timeout=SECONDS)

    assert ("json", "AGENT_STOP") == (json.loads(shown)["session_id"], json.loads(shown)["event_type"])


def test_config_shows_no_password() -> None:
    """Every setting is listed; what may hold a password is shown without it."""
    shown = leanvibe("config", "show", "--json", LEANVIBE_POSTGRES_DSN="postgresql://me:hush@127.0.0.1/db")
    as_words = leanvibe("config", "show", LEANVIBE_POSTGRES_DSN="host=127.0.0.1 password=hush")

    assert "postgresql://127.0.0.1/db" == json.loads(shown.stdout)["postgres_dsn"]
    assert "hush" not in shown.stdout + as_words.stdout


def test_db_upgrade_makes_the_tables(postgres_dsn: str) -> None:
    """The first run makes the tables, the second finds them."""
    first = leanvibe("db", "upgrade", "--dsn", postgres_dsn)
    second = leanvibe("db", "upgrade", LEANVIBE_POSTGRES_DSN=postgres_dsn)

    assert (0, True) == (first.returncode, "before: none" in first.stdout), first.stderr
    assert (0, False) == (second.returncode, "before" in second.stdout), second.stderr


def test_demo_plays_and_ends() -> None:
    """`demo --once` plays every recording, shows the answer of a query, ends with 0 and leaves nothing behind."""
    with scratch() as place:
        shown = leanvibe("demo", "--once", "--speed", "1000", TMPDIR=str(place))

        assert 0 == shown.returncode, shown.stderr
        assert "Played 205 events of 10 sessions" in shown.stdout
        assert "Bash" in shown.stdout
        assert [] == list(place.iterdir())


def test_demo_ends_on_ctrl_c_while_it_starts() -> None:
    """An early Ctrl-C ends it as well: no sidecar stays behind on a directory that is gone."""
    with scratch() as place:
        process = subprocess.Popen(
            command_line("demo"), env=environment({"TMPDIR": str(place)}), stdout=subprocess.PIPE, text=True
        )
        started = until(lambda: child_of(process.pid), "its sidecar is started")
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=SECONDS)

        assert 0 == process.returncode, shown
        assert started not in processes()
        assert [] == list(place.iterdir())


def test_demo_ends_on_ctrl_c() -> None:
    """Ctrl-C ends the demo cleanly and takes its sidecar and data along."""
    with scratch() as place:
        command = command_line("demo", "--speed", "1000")
        process = subprocess.Popen(
            command, env=environment({"TMPDIR": str(place)}), stdout=subprocess.PIPE, text=True
        )
        with process, contextlib.suppress(ProcessLookupError):
            assert process.stdout is not None
            next(line for line in process.stdout if "Ctrl-C" in line)
            os.kill(process.pid, signal.SIGINT)
            try:
                process.communicate(timeout=SECONDS)
            finally:
                process.kill()

        assert 0 == process.returncode
        assert [] == list(place.iterdir())
