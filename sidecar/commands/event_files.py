"""A range of events as a file: pages in, one file out, with no more than a page in memory."""

import contextlib
import csv
import functools
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from sidecar.errors import LeanvibeError
from sidecar.events import FIELDS

Page = list[msgspec.Raw]
"""Events as JSON objects, as the API shows them."""
Write = Callable[[Iterable[Page], Path], int]
"""Writes pages to a file that is not there yet; how many events it wrote."""
Stream = Callable[[Iterable[Page], BinaryIO], int]
"""Writes pages to an open file; how many events it wrote."""

_TYPES = {
    **dict.fromkeys(("seq", "size_bytes"), "BIGINT"),
    **dict.fromkeys(("received_at", "occurred_at"), "TIMESTAMPTZ"),
    **dict.fromkeys(("payload", "redactions"), "JSON"),
    **dict.fromkeys(("success", "redaction_failed"), "BOOLEAN"),
    **dict.fromkeys(("execution_time_ms", "processing_time_ms"), "DOUBLE"),
}
_MEMORY: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "512MB",
    "threads": 1,
    "preserve_insertion_order": False,
}
_LEAST_BUFFER = 1024 * 1024
"""DuckDB reads JSON by buffers of twice the largest object that it is told to expect."""


def form_of(target: Path) -> str:
    """The format that a file's name ends with, in any case; Parquet when it ends with none of ours."""
    ending = target.suffix.lower().removeprefix(".")
    return ending if ending in FORMATS else "parquet"


def write(form: str, pages: Iterable[Page], target: Path) -> int:
    """Writes the events into a new file, complete or not at all, readable by its owner; how many there are.

    Args:
        form: one of `FORMATS`.
        pages: the events.
        target: must not exist.

    Raises:
        LeanvibeError: it exists or cannot be written, and what the pages raise.
    """
    if target.exists():
        raise LeanvibeError(f"{target} exists", hint="choose another name, or remove it first")
    try:
        with _beside(target) as folder:
            count = FORMATS[form](pages, folder / "whole")
            (folder / "whole").chmod(0o600)
            (folder / "whole").replace(target)
    except OSError as error:
        hint = "is there space, may you write there?"
        raise LeanvibeError(f"cannot write {target}: {error.strerror or error}", hint=hint) from error
    return count


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder on the target's file system, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stream(form: str, pages: Iterable[Page], file: BinaryIO) -> int:
    """Writes the events to an open file, one after the other; how many there are.

    Raises:
        LeanvibeError: that format is no stream, and what the pages raise.
    """
    if form not in STREAMS:
        streams = ", ".join(STREAMS)
        raise LeanvibeError(f"{form} cannot be written to standard output", hint=f"--format is one of {streams}")
    return STREAMS[form](pages, file)


def _ndjson_into(pages: Iterable[Page], file: BinaryIO) -> int:
    count = 0
    for page in pages:
        file.writelines(bytes(event) + b"\n" for event in page)
        count += len(page)
    file.flush()
    return count


def _csv_into(pages: Iterable[Page], file: BinaryIO) -> int:
    count = 0
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(FIELDS)
        for page in pages:
            writer.writerows(map(_cells, page))
            count += len(page)
    finally:
        text.detach()  # writes what is left, and leaves the file open
    return count


def _filed(into: Stream, pages: Iterable[Page], path: Path) -> int:
    """What is written is on disk before the file gets its name."""
    with path.open("wb") as file:
        count = into(pages, file)
        file.flush()
        os.fsync(file.fileno())
    return count


def _cells(event: msgspec.Raw) -> list[str]:
    """Text as it is, everything else as JSON, nothing for null."""
    fields = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    texts = (bytes(fields[name]) for name in FIELDS)
    return [msgspec.json.decode(text) if text.startswith(b'"') else _json_cell(text) for text in texts]


def _json_cell(text: bytes) -> str:
    return "" if text == b"null" else text.decode()


def _parquet(pages: Iterable[Page], path: Path) -> int:
    """By way of one NDJSON file for each page: DuckDB then holds one page at a time, however large its events are."""
    import duckdb

    count, largest = 0, _LEAST_BUFFER
    names: list[str] = []
    for page in pages:
        largest = max(largest, *(len(bytes(event)) + 1 for event in page), 0)
        names.append(str(path.with_name(f"{len(names)}.ndjson")))
        count += _filed(_ndjson_into, [page], Path(names[-1]))
    columns = ", ".join(f"{name}: '{_TYPES.get(name, 'VARCHAR')}'" for name in FIELDS)
    source = f"read_json(?, format = 'newline_delimited', maximum_object_size = {largest}, columns = {{{columns}}})"
    options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES '4MB'"
    try:
        with duckdb.connect(config={**_MEMORY, "temp_directory": str(path.parent / "spill")}) as connection:
            place = str(path).replace("'", "''")
            connection.execute(f"COPY (SELECT * FROM {source}) TO '{place}' ({options})", [names])
    except duckdb.Error as error:
        raise OSError(None, str(error).partition("\n")[0][:300]) from error
    return count


STREAMS: dict[str, Stream] = {"ndjson": _ndjson_into, "jsonl": _ndjson_into, "csv": _csv_into}
_FILES = {name: functools.partial(_filed, into) for name, into in STREAMS.items()}
FORMATS: dict[str, Write] = {"parquet": _parquet, **_FILES}
