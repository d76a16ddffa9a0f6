"""Sealed days: Parquet files beside the DuckDB file, and the list of those that belong to the view.

The table `sealed_files` is the truth. A file enters it in the transaction that deletes its rows from the hot part,
and leaves it in the transaction that counts what goes with it; the views are replaced in the same transactions. So
every event is in the view exactly once, whenever a crash comes: a file that is complete and not in the table is taken
over at the next opening, which is how sealing ends as well.
"""

import datetime as dt
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from sidecar.log import LOGGER
from sidecar.worker.store.rows import COLUMNS, LISTED_CALLS, STORED_COLUMNS
from sidecar.worker.store.transaction import transaction
from sidecar.worker.store.trouble import is_passing

FOLDER = "sealed"
EVENTS = "events-"
PAYLOADS = "payloads-"
SUFFIX = ".parquet"
UNFINISHED = ".tmp"
MAGIC = b"PAR1"
PART_COLUMNS = ("seq", "part", "text")


class SealedFile(NamedTuple):
    """One file of events of one day, and, where it has large payloads, the one that holds those."""

    name: str
    first_seq: int
    last_seq: int
    first_at: dt.datetime
    last_at: dt.datetime
    events: int
    bytes: int
    """Of both files."""
    has_payloads: bool
    has_listed_calls: bool
    """Files of before that column was there have none."""

    @property
    def names(self) -> tuple[str, ...]:
        """Both files' names, that of the events last: where it is the other is."""
        return (payloads_of(self.name), self.name) if self.has_payloads else (self.name,)


_FIELDS = ", ".join(SealedFile._fields)


def name_of(day: dt.date, first_seq: int) -> str:
    """The name of a file of events: each number is sealed once, so the first one tells files of a day apart."""
    return f"{EVENTS}{day.isoformat()}-{first_seq}{SUFFIX}"


def payloads_of(name: str) -> str:
    """The name of the file with the large payloads of a file of events."""
    return PAYLOADS + name.removeprefix(EVENTS)


def source(folder: Path, file: SealedFile) -> str:
    """What reads a file of events, in SQL."""
    return f"read_parquet({_listing([folder / file.name])})"


def listed(connection: duckdb.DuckDBPyConnection) -> list[SealedFile]:
    """The files of the view, the oldest numbers first."""
    query = f"SELECT {_FIELDS} FROM sealed_files WHERE NOT retired ORDER BY first_seq"
    return [SealedFile(*row) for row in connection.execute(query).fetchall()]


def replace_views(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Lets the views show the files that are listed now."""
    files = listed(connection)[::-1]  # the newest first: DuckDB then skips most of them for the last rows of all
    events = [folder / file.name for file in files if file.has_listed_calls]
    former = [folder / file.name for file in files if not file.has_listed_calls]
    payloads = [folder / payloads_of(file.name) for file in files if file.has_payloads]
    of_events, of_parts = ", ".join(STORED_COLUMNS), ", ".join(PART_COLUMNS)
    for view, sources in (
        ("events_stored", [*_from("events_hot", of_events), *_from_files(events, of_events),
                           *_from_files(former, f"{', '.join(COLUMNS)}, NULL")]),
        ("payload_parts", [*_from("payload_parts_hot", of_parts), *_from_files(payloads, of_parts)]),
    ):  # fmt: skip
        connection.execute(f"CREATE OR REPLACE VIEW {view} AS {' UNION ALL '.join(sources)}")


def _from(source_: str, columns: str) -> list[str]:
    return [f"SELECT {columns} FROM {source_}"]


def _from_files(paths: Sequence[Path], columns: str) -> list[str]:
    return _from(f"read_parquet({_listing(paths)})", columns) if paths else []


def take_over(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> SealedFile:
    """A complete file enters the list, and its rows leave the hot part, in one transaction.

    Raises:
        duckdb.Error, OSError: it cannot be read, or nothing was changed for another reason.
    """
    file = _facts(connection, folder, name)
    with transaction(connection):
        sealed = f"SELECT seq FROM read_parquet({_listing([folder / name])})"
        for table in ("events_hot", "payload_parts_hot"):
            connection.execute(f"DELETE FROM {table} WHERE seq IN ({sealed})")
        places = ", ".join("?" for _ in file)
        connection.execute(f"INSERT INTO sealed_files ({_FIELDS}, retired) VALUES ({places}, false)", list(file))
        replace_views(connection, folder)
    return file


def retire(connection: duckdb.DuckDBPyConnection, folder: Path, names: Sequence[str]) -> None:
    """Takes files out of the views, inside the caller's transaction; `remove_retired` then removes them."""
    connection.execute("UPDATE sealed_files SET retired = true WHERE name IN (SELECT unnest(?))", [list(names)])
    replace_views(connection, folder)


def remove_retired(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Gives the space of retired files back: only when no query that began before can still read them."""
    names = [row[0] for row in connection.execute("SELECT name FROM sealed_files WHERE retired").fetchall()]
    for name in names:
        for gone in (name, payloads_of(name)):
            (folder / gone).unlink(missing_ok=True)
    if names:
        sync_folder(folder)
        connection.execute("DELETE FROM sealed_files WHERE retired AND name IN (SELECT unnest(?))", [names])


def count_forgotten(
    connection: duckdb.DuckDBPyConnection, reason: str, events: int, size: int, sink: str | None = None
) -> None:
    """Adds to the durable account of what left before its time; `sink` names one that had not got it."""
    key = [reason, sink or ""]
    known = connection.execute("SELECT 1 FROM forgotten WHERE reason = ? AND sink = ?", key).fetchall()
    if known:
        update = "UPDATE forgotten SET events = events + ?, bytes = bytes + ? WHERE reason = ? AND sink = ?"
        connection.execute(update, [events, size, *key])
    else:
        connection.execute("INSERT INTO forgotten VALUES (?, ?, ?, ?, now())", [*key, events, size])


def reconcile(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Makes list and folder agree at opening; reads no more than each file's end, and whole files not in the list.

    Raises:
        duckdb.Error, OSError: for a reason that lies in the store or around it, not in a file of the folder.
    """
    for path in folder.glob(f"*{UNFINISHED}"):
        path.unlink()
    remove_retired(connection, folder)
    leave_out_broken(connection, folder, lambda file: trouble_of(folder, file))
    known = {file.name for file in listed(connection)}
    for path in sorted(folder.glob(f"{EVENTS}*{SUFFIX}")):
        if path.name not in known:
            _adopt(connection, folder, path.name)
    for path in folder.glob(f"{PAYLOADS}*{SUFFIX}"):
        if not (folder / (EVENTS + path.name.removeprefix(PAYLOADS))).exists():
            path.unlink()  # sealing ended between the two files: the hot part still has what is in it


def leave_out_broken(connection: duckdb.DuckDBPyConnection, folder: Path, trouble: Any) -> None:
    """Takes files with trouble out of the views, counts their events as lost, and keeps what there is of them aside.

    Args:
        connection: outside a transaction.
        folder: the sealed files' own.
        trouble: what is wrong with a `SealedFile`, None when nothing is.
    """
    for file in listed(connection):
        problem = trouble(file)
        if problem is None:
            continue
        with transaction(connection):
            connection.execute("DELETE FROM sealed_files WHERE name = ?", [file.name])
            replace_views(connection, folder)
            count_forgotten(connection, "damaged", file.events, file.bytes)
        _move_aside(folder, file.names, problem)


def trouble_of(folder: Path, file: SealedFile) -> str | None:
    """What is wrong with a file as far as its size and its last bytes tell; None when nothing is.

    Raises:
        OSError: it cannot be looked at now, for a reason that lies in no file.
    """
    try:
        size = sum((folder / name).stat().st_size for name in file.names)
        whole = all(_ends_well(folder / name) for name in file.names)
    except OSError as error:
        if is_passing(error):
            raise
        return error.strerror or type(error).__name__
    if size != file.bytes:
        return f"{size} bytes instead of {file.bytes}"
    return None if whole else "cut off"


def trouble_within(connection: duckdb.DuckDBPyConnection, folder: Path, file: SealedFile) -> str | None:
    """The same after reading all of it; raises `duckdb.Error` as well."""
    if problem := trouble_of(folder, file):
        return problem
    try:
        for name in file.names:
            whole = STORED_COLUMNS if file.has_listed_calls else COLUMNS
            columns = whole if name == file.name else PART_COLUMNS
            read = ", ".join(f"max({column})" for column in columns)
            connection.execute(f"SELECT {read} FROM read_parquet({_listing([folder / name])})").fetchall()
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            return None
        if is_passing(error):
            raise
        return type(error).__name__
    return None


def broken_note(folder: Path) -> str | None:
    """One line about the files that were left out, for as long as they lie there; None without any."""
    found = sorted(folder.glob(f"{EVENTS}*{SUFFIX}.broken-*"))
    if not found:
        return None
    return f"{len(found)} damaged file(s) of sealed days were left out, the last: {found[-1]} (remove once looked at)"


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in it durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _facts(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> SealedFile:
    query = "SELECT min(seq), max(seq), min(received_at), max(received_at), count(*)"
    ((first_seq, last_seq, first_at, last_at, events),) = connection.execute(
        f"{query} FROM read_parquet({_listing([folder / name])})"
    ).fetchall()
    if not events:
        raise duckdb.InvalidInputException("no events in it")
    has_payloads = (folder / payloads_of(name)).exists()
    schema = f"SELECT count(*) > 0 FROM parquet_schema({_listing([folder / name])}) WHERE name = '{LISTED_CALLS}'"
    ((has_listed_calls,),) = connection.execute(schema).fetchall()
    file = SealedFile(name, first_seq, last_seq, first_at, last_at, events, 0, has_payloads, has_listed_calls)
    return file._replace(bytes=sum((folder / one).stat().st_size for one in file.names))


def _adopt(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    try:
        take_over(connection, folder, name)
    except (duckdb.InvalidInputException, duckdb.BinderException, duckdb.ConversionException) as error:
        _move_aside(folder, (payloads_of(name), name), type(error).__name__)


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-len(MAGIC), os.SEEK_END)
        return file.read() == MAGIC


def _move_aside(folder: Path, names: Iterable[str], problem: str) -> None:
    for name in names:
        path = folder / name
        if path.exists():
            path.replace(path.with_name(f"{name}.broken-{int(time.time())}"))
    LOGGER.error("a sealed file is left out of the store: %s: %s", names, problem)


def _listing(paths: Iterable[Path]) -> str:
    """Paths as a list in SQL, none of whose characters is taken for a pattern."""
    quoted = (as_pattern(path).replace("'", "''") for path in paths)
    return "[" + ", ".join(f"'{path}'" for path in quoted) + "]"


def as_pattern(path: Path) -> str:
    """The pattern that matches this path alone."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))
