"""Which sealed files go, and when: pure."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sidecar.worker.store.sealed import SealedFile


class Bounds(NamedTuple):
    """How much the store may hold: bytes on disk, and the age of an event."""

    max_bytes: int
    max_age: dt.timedelta


class Need(NamedTuple):
    """What sinks still wait for: how far each is, and the first number that the journal has (the next, if none)."""

    positions: Mapping[str, int]
    journal_first: int

    def lacking(self, file: SealedFile) -> list[str]:
        """The sinks that have not got all of a file."""
        return sorted(sink for sink, seq in self.positions.items() if seq < file.last_seq)

    def holds(self, file: SealedFile) -> bool:
        """Whether a sink may yet get some of the file from the journal: not lost, so not to be counted."""
        return bool(self.lacking(file)) and file.last_seq >= self.journal_first


def leaving(
    files: Sequence[SealedFile], hot_bytes: int, max_bytes: int, need: Need, oldest: dt.datetime
) -> Iterator[tuple[SealedFile, str]]:
    """The files that must go, with the reason, `age` or `bytes`.

    The oldest go first; those that a sink has not got yet go after all others, and as long as the journal still has
    part of them for that sink, they stay.

    Args:
        files: oldest first.
        hot_bytes: what the store takes beside them.
        max_bytes: what it may take.
        need: what sinks wait for.
        oldest: what was received before is too old.
    """
    free = [file for file in files if not need.holds(file)]
    total = hot_bytes + sum(file.bytes for file in files)
    for file in sorted(free, key=lambda one: (one.last_at >= oldest, bool(need.lacking(one)))):
        if file.last_at < oldest:
            yield file, "age"
        elif total > max_bytes:
            yield file, "bytes"
        else:
            continue
        total -= file.bytes
