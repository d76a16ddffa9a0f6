"""Sealing: a slice of one day leaves the hot part for a file of its own."""

import datetime as dt
import os
from pathlib import Path
from typing import NamedTuple

import duckdb

from sidecar.worker.store import sealed
from sidecar.worker.store.rows import STORED_COLUMNS
from sidecar.worker.store.sealed import PART_COLUMNS, UNFINISHED, SealedFile

SLICE_EVENTS = 100_000
SLICE_BYTES = 256 * 1024 * 1024
"""Of what agents sent: a file is some tens of megabytes, so that retention gives space back in small steps."""
_FORMAT = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES"
_EVENTS_GROUP, _PARTS_GROUP = "1MB", "4MB"
"""Row groups: each thread of a query holds one of every column, so that small ones let `SELECT *` do with little."""


class Slice(NamedTuple):
    """What is sealed at once: events of one day, between two numbers."""

    day: dt.date
    first_seq: int
    last_seq: int

    @property
    def condition(self) -> str:
        """Which rows of the hot part it is, in SQL."""
        day = f"TIMESTAMPTZ '{self.day.isoformat()} 00:00:00+00'"
        during = f"received_at >= {day} AND received_at < {day} + INTERVAL 1 DAY"
        return f"{during} AND seq BETWEEN {self.first_seq} AND {self.last_seq}"


def oldest_slice(connection: duckdb.DuckDBPyConnection, before: dt.datetime) -> Slice | None:
    """The first events of the oldest day of the hot part, if it has events received before that time."""
    oldest = "SELECT CAST(min(received_at) AS DATE) FROM events_hot WHERE received_at < ?"
    ((day,),) = connection.execute(oldest, [before]).fetchall()
    if day is None:
        return None
    of_day = Slice(day, -(2**62), 2**62).condition
    sizes = f"SELECT seq, size_bytes FROM events_hot WHERE {of_day} ORDER BY seq LIMIT {SLICE_EVENTS}"
    filled = f"SELECT seq, sum(size_bytes) OVER (ORDER BY seq) - size_bytes AS filled FROM ({sizes})"
    within = f"SELECT min(seq), max(seq) FROM ({filled}) WHERE filled < {SLICE_BYTES}"
    ((first, last),) = connection.execute(within).fetchall()
    return Slice(day, first, last)


def seal(connection: duckdb.DuckDBPyConnection, folder: Path, part: Slice) -> SealedFile:
    """Writes the slice into files, complete and synced before they have their names, then takes them over.

    A crash at any point leaves either the rows where they were, or files that the next opening takes over.

    Raises:
        duckdb.Error, OSError: the rows are where they were.
    """
    name = sealed.name_of(part.day, part.first_seq)
    of_slice = f"SELECT seq FROM events_hot WHERE {part.condition}"
    between = f"seq BETWEEN {part.first_seq} AND {part.last_seq}"
    parts = f"FROM payload_parts_hot WHERE {between} AND seq IN ({of_slice})"
    if connection.execute(f"SELECT 1 {parts} LIMIT 1").fetchall():
        _write(
            connection, f"SELECT {', '.join(PART_COLUMNS)} {parts}", folder / sealed.payloads_of(name), _PARTS_GROUP
        )
    _write(
        connection,
        f"SELECT {', '.join(STORED_COLUMNS)} FROM events_hot WHERE {part.condition}",
        folder / name,
        _EVENTS_GROUP,
    )
    return sealed.take_over(connection, folder, name)


def _write(connection: duckdb.DuckDBPyConnection, query: str, target: Path, group: str) -> None:
    unfinished = target.with_name(target.name + UNFINISHED)
    place = str(unfinished).replace("'", "''")
    try:
        connection.execute(f"COPY ({query}) TO '{place}' ({_FORMAT} '{group}')")
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    sealed.sync_folder(target.parent)
