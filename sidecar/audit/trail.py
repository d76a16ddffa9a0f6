"""The trail's files in a data directory: `audit.jsonl`, older parts beside it, and the head kept apart.

Any number of processes may append; each takes `audit.lock` for it and goes by what the files say then. A line is on
disk before the append returns, the head is written after it: after a crash the head may be behind, never ahead.
"""

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from sidecar import private
from sidecar.audit.chain import (
    MISMATCH,
    UNFINISHED,
    Head,
    Verdict,
    after,
    continues,
    digest,
    line_of,
    record_of,
    verify,
)

FILE_NAME = "audit.jsonl"
HEAD_FILE = "audit.head"
LOCK_FILE = "audit.lock"
PART_BYTES = 4 * 1024 * 1024
"""From here on a new file is begun."""
KEPT_PARTS = 8
"""Older files that are kept: with the one in use about 36 MB."""
TAIL_BYTES = 1024 * 1024
"""Longer than any line."""
NOTHING: Mapping[str, Any] = {}


class AuditTrail:
    """Appends to the trail of a data directory, from any thread.

    Args:
        folder: the data directory.
        part_bytes: size from which a new file is begun.
    """

    def __init__(self, folder: Path, part_bytes: int = PART_BYTES) -> None:
        self._folder = folder
        self._file = folder / FILE_NAME
        self._part_bytes = part_bytes
        self._turn = threading.Lock()

    def append(self, action: str, who: Mapping[str, Any] = NOTHING, detail: Mapping[str, Any] = NOTHING) -> Head:
        """Adds a record; it is on disk when this returns.

        Args:
            action: what was done, such as `sql`.
            who: who did it: `actor` and `origin`.
            detail: what it was about. JSON, without secrets.

        Raises:
            OSError: it was not written.
        """
        with self._turn, self._locked():
            head = self._agreed()
            return self._write(self._rotated(head), action, who, detail)

    def verify(self, expected: str = "") -> Verdict:
        """Looks at all of it; see `chain.verify`.

        Raises:
            OSError: a file cannot be read.
        """
        with contextlib.ExitStack() as held, self._locked():
            return verify(_lines(self._opened(held)), self._head(), expected)

    def records(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Every record that can be read and has a number above `after`, oldest first."""
        with contextlib.ExitStack() as held:
            with self._locked():
                found = self._opened(held, after)
            for _, line in _lines(found):
                if line.endswith(b"\n") and (record := record_of(line)) is not None and record["seq"] > after:
                    yield record

    def _agreed(self) -> Head:
        """Where the files end, after whatever is wrong with that has been put on record."""
        kept, (last, unfinished) = self._head(), self._end()
        if unfinished:
            self._cut(len(unfinished))
        known = kept or Head()
        record = (record_of(last) if last else None) or {"seq": 0}
        head = Head(max(known.seq, record["seq"]), digest(last) if last else known.hash, known.first)
        if not continues(kept, last):
            found = f"{record['seq']}:{digest(last)}" if last else None
            return self._write(head, MISMATCH, NOTHING, {"expected": str(kept), "found": found})
        if unfinished:
            told = {"bytes": len(unfinished), "sha256": hashlib.sha256(unfinished).hexdigest()}
            return self._write(head, UNFINISHED, NOTHING, told)
        return head

    def _write(self, head: Head, action: str, who: Mapping[str, Any], detail: Mapping[str, Any]) -> Head:
        at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        line = line_of(head, at, action, who, detail)
        descriptor = private.opened(self._file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        size = os.fstat(descriptor).st_size
        try:
            _write_whole(descriptor, line)
        except OSError:
            with contextlib.suppress(OSError):  # else the next append finds a line without its end
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)
        head = after(head, line)
        self._keep(head)
        return head

    def _rotated(self, head: Head) -> Head:
        """Begins a new file once the old one is large; of the older ones the oldest goes."""
        try:
            if self._file.lstat().st_size < self._part_bytes:
                return head
        except FileNotFoundError:
            return head
        self._file.rename(self._folder / f"audit-{head.seq:012}.jsonl")
        parts = self._parts()
        for old in parts[:-KEPT_PARTS]:
            head = Head(head.seq, head.hash, _last_of(old) + 1)
            self._keep(head)
            old.unlink()
        return head

    def _parts(self) -> list[Path]:
        """The older files, oldest first; each is named after its last record."""
        return sorted(self._folder.glob("audit-" + "[0-9]" * 12 + ".jsonl"))

    def _opened(self, held: contextlib.ExitStack, after: int = 0) -> list[tuple[str, BinaryIO]]:
        """The files with records above `after`, by name; what is renamed from then on is read all the same."""
        found: list[tuple[str, BinaryIO]] = []
        for path in (*(part for part in self._parts() if _last_of(part) > after), self._file):
            with contextlib.suppress(FileNotFoundError):
                file = os.fdopen(private.opened(path, os.O_RDONLY), "rb")
                found.append((path.name, held.enter_context(file)))
        return found

    def _end(self) -> tuple[bytes | None, bytes]:
        """The last complete line of all files, and what stands after it in the file in use."""
        lines, _, unfinished = _tail(self._file).rpartition(b"\n")
        for path in () if lines else reversed(self._parts()):
            lines = lines or _tail(path).rstrip(b"\n")
        return lines.rpartition(b"\n")[2] or None, unfinished

    def _cut(self, length: int) -> None:
        descriptor = private.opened(self._file, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - length)
        finally:
            os.close(descriptor)

    def _head(self) -> Head | None:
        try:
            kept = json.loads(private.read(self._folder / HEAD_FILE))
            return Head(int(kept["seq"]), str(kept["hash"]), int(kept["first"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            return Head(-1, "unreadable")

    def _keep(self, head: Head) -> None:
        kept = {"seq": head.seq, "hash": head.hash, "first": head.first}
        private.replace(self._folder / HEAD_FILE, json.dumps(kept).encode(), sync=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = private.opened(self._folder / LOCK_FILE, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _lines(files: Iterable[tuple[str, BinaryIO]]) -> Iterator[tuple[str, bytes]]:
    """Where each line is, and the line."""
    for name, file in files:
        for number, line in enumerate(file, 1):
            yield f"{name} line {number}", line


def _last_of(part: Path) -> int:
    """The number of the last record of an older file, which is its name."""
    return int(part.stem.rpartition("-")[2])


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(None, "the disk took only a part")
    os.fsync(descriptor)


def _tail(path: Path) -> bytes:
    try:
        descriptor = private.opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - TAIL_BYTES))
        return file.read()
