"""What the data takes on disk, as it is asked for on the event loop."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sidecar.front.footprint import footprint_of

FILES = {
    "journal.sqlite": 1, "journal.sqlite-wal": 10, "journal.mark": 500, "store.duckdb": 2, "store.tmp/spill": 20,
    "sealed/events-2026-01-31-1.parquet": 200, "spool/a.json": 500, "cache/rules/db": 500, "token": 500,
}  # fmt: skip


@pytest.fixture(name="data_dir")
def _data_dir(tmp_path: Path) -> Path:
    for name, size in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"x" * size)
    return tmp_path


def test_journal_and_store_with_all_of_their_files(data_dir: Path) -> None:
    """Logs and sealed days count; what is neither journal nor store does not, and what has gone is nothing."""
    found = footprint_of(data_dir)

    assert (11, 222) == (found.journal_bytes, found.store_bytes)
    assert found.disk_bytes >= found.free_bytes > 0
    assert (0, 0) == (footprint_of(data_dir / "gone").journal_bytes, footprint_of(data_dir / "gone").store_bytes)


def test_no_other_folder_is_looked_into(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage the spool holds thousands of files, and every acknowledgement waits while they are counted."""
    looked: list[str] = []
    scandir = os.scandir

    def noted(path: Any) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        looked.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    footprint_of(data_dir)

    assert {data_dir.name, "sealed", "store.tmp"} == set(looked)
