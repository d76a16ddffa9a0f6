"""Laws of `leanvibe export`: a range of events as they are stored, complete or not at all."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.commands import leanvibe
from tests.recorded_events import recorded_payloads
from tests.sidecar_process import Sidecar, running_sidecar

LARGE = {
    "hook_event_name": "PostToolUse",
    "session_id": "large",
    "tool_name": "Read",
    "tool_response": "é" * 1_000_000,
}
csv.field_size_limit(sys.maxsize)


@pytest.fixture(scope="module", name="sidecar")
def _sidecar() -> Iterator[Sidecar]:
    """A sidecar with fifty recorded events, one with a comma, a quote and a line end in it, and a large one."""
    with running_sidecar() as sidecar:
        odd = {"hook_event_name": "Stop", "session_id": "odd", "prompt_id": 'a,"b"\nc', "n": 1.10}
        for body in [*recorded_payloads()[:50], odd, LARGE]:
            assert 204 == sidecar.post_native(body).status_code
        yield sidecar


def exported(sidecar: Sidecar, target: Path, *words: str) -> list[dict[str, Any]]:
    done = leanvibe("export", "-o", str(target), "--data-dir", str(sidecar.data_dir), *words)
    assert 0 == done.returncode, done.stderr
    assert 0o600 == target.stat().st_mode & 0o777
    assert [] == [path.name for path in target.parent.iterdir() if path.name.startswith(".")]
    if target.suffix == ".csv":
        with target.open(newline="") as file:
            return list(csv.DictReader(file))
    if target.suffix == ".ndjson":
        return [json.loads(line) for line in target.read_text().splitlines()]
    relation = duckdb.sql(f"SELECT * FROM '{target}' ORDER BY seq")
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def test_each_format_holds_the_same(sidecar: Sidecar, tmp_path: Path) -> None:
    """All formats hold every event with every field, large payloads whole."""
    lines = exported(sidecar, tmp_path / "a.ndjson", "--format", "ndjson")
    cells = exported(sidecar, tmp_path / "a.csv", "--format", "csv")
    rows = exported(sidecar, tmp_path / "a.parquet")

    assert 52 == len(lines) == len(cells) == len(rows)
    for line, cell, row in zip(lines, cells, rows, strict=True):
        assert set(line) == set(cell) == set(row)
        assert line["payload"] == json.loads(cell["payload"]) == json.loads(row["payload"])
        assert line["seq"] == int(cell["seq"]) == row["seq"]
        assert line["prompt_id"] == (cell["prompt_id"] or None) == row["prompt_id"]
    assert LARGE["tool_response"] == lines[-1]["payload"]["tool_response"]


@pytest.mark.parametrize(
    ("name", "first"), [("a.CSV", b"seq,"), ("a.jsonl", b'{"'), ("a.parquet", b"PAR1"), ("a.txt", b"PAR1")]
)
def test_the_name_says_the_format(sidecar: Sidecar, tmp_path: Path, name: str, first: bytes) -> None:
    """Without `--format` a file is what its name says, so that what opens files by their names can read it."""
    leanvibe("export", "-o", str(tmp_path / name), "--session", "odd", "--data-dir", str(sidecar.data_dir))

    assert first == (tmp_path / name).read_bytes()[: len(first)]


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_standard_output_is_a_target(sidecar: Sidecar, tmp_path: Path, form: str) -> None:
    """`-o -` prints what the file would hold and nothing else."""
    words = ("--format", form, "--session", "odd", "--data-dir", str(sidecar.data_dir))
    shown = leanvibe("export", "-o", "-", *words)
    leanvibe("export", "-o", str(tmp_path / "file"), *words)

    assert (0, "") == (shown.returncode, shown.stderr)
    assert (tmp_path / "file").read_text() == shown.stdout != ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "-"), "ndjson"),
        (("-o", "never", "--since", "1h", "--until", "2h"), "--since 2h --until 1h"),
        (("-o", "never", "--since", "2999-01-01"), "ends before it begins"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    """No Parquet on standard output, no file of a span in which nothing can be: exit code 1 and what is right."""
    monkeypatch.chdir(tmp_path)
    refused = leanvibe("export", *words, "--data-dir", str(tmp_path))

    assert (1, "", True) == (refused.returncode, refused.stdout, told in refused.stderr), refused.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_range_is_chosen(sidecar: Sidecar, tmp_path: Path) -> None:
    """By time and by session; a range without events is a file without events."""
    assert 1 == len(
        exported(sidecar, tmp_path / "s.ndjson", "--format", "ndjson", "--session", "odd", "--since", "1h")
    )
    assert [] == exported(sidecar, tmp_path / "e.parquet", "--until", "2020-01-01T00:00:00Z")
    assert [] == exported(sidecar, tmp_path / "e.csv", "--format", "csv", "--until", "2020-01-01T00:00:00Z")


def test_a_target_that_will_not_do(sidecar: Sidecar, tmp_path: Path) -> None:
    """A file that is there stays as it is, and a folder that is not there is named; nothing is left behind."""
    there = tmp_path / "there.csv"
    there.write_text("mine")
    on = ("--data-dir", str(sidecar.data_dir), "--format", "csv")
    exists = leanvibe("export", "-o", str(there), *on)
    nowhere = leanvibe("export", "-o", str(tmp_path / "no" / "x.csv"), *on)
    full = leanvibe("export", "-o", "/dev/full/x", *on)

    assert (1, 1, 1) == (exists.returncode, nowhere.returncode, full.returncode)
    assert f"error: {there} exists" in exists.stderr
    assert "cannot write" in nowhere.stderr
    assert "cannot write" in full.stderr
    assert "mine" == there.read_text()
    assert ["there.csv"] == [path.name for path in tmp_path.iterdir()]


def test_no_sidecar_is_needed(tmp_path: Path) -> None:
    """When none runs the files are opened; without files there is nothing to export."""
    home = tmp_path / "home"
    home.mkdir()
    with running_sidecar(home=home) as sidecar:
        for body in recorded_payloads()[:3]:
            sidecar.post_native(body)
        sidecar.stop()
        assert 3 == len(exported(sidecar, tmp_path / "three.parquet"))
    nothing = leanvibe("export", "-o", str(tmp_path / "x"), "--data-dir", str(tmp_path / "other"))
    assert (1, False) == (nothing.returncode, (tmp_path / "x").exists())
