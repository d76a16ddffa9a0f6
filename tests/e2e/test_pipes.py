"""Laws of what commands print for other programs, and where not every character can be shown."""

import csv
import io
import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.commands import SECONDS, command_line, environment, leanvibe
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until

TEXT = "日本 é 🎉"
ENCODINGS = pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-1", "ascii"])


@pytest.fixture(scope="module", name="sidecar")
def _sidecar() -> Iterator[Sidecar]:
    with running_sidecar() as sidecar:
        body = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": TEXT, "prompt_id": "p"}
        assert 204 == sidecar.post_native(body).status_code
        yield sidecar


def printed(sidecar: Sidecar, *words: str, encoding: str = "utf-8", given: str = "") -> bytes:
    """What a command prints, which must end well."""
    ended = subprocess.run(
        command_line(*words, "--data-dir", str(sidecar.data_dir)),
        env=environment({"PYTHONIOENCODING": encoding}), input=given.encode(), capture_output=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    assert (0, b"") == (ended.returncode, ended.stderr)
    return ended.stdout


@ENCODINGS
@pytest.mark.parametrize("form", ["json", "csv"])
def test_data_is_utf8_whatever_the_terminal(sidecar: Sidecar, encoding: str, form: str) -> None:
    """JSON and CSV in a pipe are the same bytes in every locale."""
    words = ("sql", "SELECT prompt FROM turns", "--format", form)

    assert TEXT.encode() in printed(sidecar, *words)
    assert printed(sidecar, *words) == printed(sidecar, *words, encoding=encoding)


@ENCODINGS
def test_what_cannot_be_shown_is_escaped(sidecar: Sidecar, encoding: str) -> None:
    """A table for people comes in the terminal's encoding, without a traceback for a character that it has not."""
    assert "\\u65e5\\u672c" in printed(sidecar, "sql", "SELECT prompt FROM turns", encoding=encoding).decode(encoding)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_tail_goes_on_after_a_character_that_cannot_be_shown(sidecar: Sidecar, words: tuple[str, ...]) -> None:
    """The feed does not end for it."""
    command = command_line("tail", *words, "--session", "odd", "--count", "2", "--data-dir", str(sidecar.data_dir))
    settings = environment({"PYTHONIOENCODING": "cp1252"})
    with subprocess.Popen(command, env=settings, stdout=subprocess.PIPE) as process:
        until(lambda: sidecar.health()["components"]["live"]["clients"] >= 1, "tail is connected")
        for _ in range(2):
            sidecar.post_native({"session_id": "odd", "hook_event_name": "UserPromptSubmit", "prompt": TEXT})
        shown, _ = process.communicate(timeout=SECONDS)

    assert (0, 2) == (process.returncode, len(shown.splitlines()))


@ENCODINGS
def test_redact_changes_nothing_but_what_it_redacts(encoding: str) -> None:
    """Text that goes through is the same bytes, whatever the locale."""
    ended = subprocess.run(
        command_line("redact"), env=environment({"PYTHONIOENCODING": encoding}), input=TEXT.encode(),
        capture_output=True, timeout=SECONDS, check=True,
    )  # fmt: skip

    assert TEXT.encode() == ended.stdout


def test_a_query_may_come_by_standard_input(sidecar: Sidecar) -> None:
    """`-` reads it there: several lines, comments and a semicolon are the same question."""
    query = f"-- who asked\nSELECT count(*) AS n\nFROM turns\nWHERE session_id = 's' AND prompt = '{TEXT}';\n"

    assert [{"n": 1}] == json.loads(printed(sidecar, "sql", "-", "--json", given=query))


def test_json_keeps_columns_of_one_name(sidecar: Sidecar) -> None:
    """An object has no two values of one name, so the second column gets a name of its own."""
    query = "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a"

    assert [{"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}] == json.loads(printed(sidecar, "sql", query, "--json"))


def test_numbers_are_numbers(sidecar: Sidecar) -> None:
    """Decimals, such as shares and rounded means, are numbers in JSON as long as that changes no digit."""
    query = "SELECT 12.50 AS share, round(2.0 / 3.0, 2) AS mean, 1234567890.123456789 AS exact, true AS flag"

    (row,) = json.loads(printed(sidecar, "sql", query, "--json"))
    assert {"share": 12.5, "mean": 0.67, "exact": "1234567890.123456789", "flag": True} == row
    rows = list(csv.reader(io.StringIO(printed(sidecar, "sql", query, "--format", "csv").decode())))
    assert ["12.5", "0.67", "1234567890.123456789", "true"] == rows[1]


def test_a_reader_that_has_enough_ends_a_command_quietly(sidecar: Sidecar) -> None:
    """As `| head` does: nothing is complained of."""
    rows = "SELECT repeat('x', 1000) AS x FROM range(5000)"
    command = command_line("sql", rows, "--format", "csv", "--data-dir", str(sidecar.data_dir))
    with subprocess.Popen(command, env=environment({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"x\n" == process.stdout.readline()
        process.stdout.close()
        assert b"" == process.stderr.read()


def test_help_of_sql_names_what_tells_the_columns() -> None:
    """Who has only the command finds the tables and their columns."""
    assert "DESCRIBE" in leanvibe("sql", "--help").stdout
