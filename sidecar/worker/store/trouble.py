"""What DuckDB's errors mean for the store: try again, open anew, or give a row up."""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from sidecar.errors import StoreError
from sidecar.journal.recovery import inode_of

_SYSTEM = frozenset(map(os.strerror, errno.errorcode))
FROM_OUTSIDE = ("Could not set lock", "fsync failed", *_SYSTEM)
"""Words of DuckDB when it is not the file's fault that it will not open: above all whatever the system says.

Its error classes do not tell.
"""
_UNREADABLE = f"read from file.*{os.strerror(errno.EIO)}|open file.*{os.strerror(errno.EIO)}"
_PASSING = (
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ETIMEDOUT, errno.ESTALE,
)  # fmt: skip
"""What the system says when the file may be sound: too little of something, or a disk elsewhere that is away."""
_PASSING_WORDS = tuple(map(os.strerror, _PASSING))

SHORT_OF_MEMORY = ("Out of Memory", "failed to pin", "failed to allocate", "could not allocate", "Cannot allocate")
"""Words of DuckDB when its memory limit is too small: large payloads take it in whole, 2,048 rows at a time."""


class UnstorableError(StoreError):
    """DuckDB refuses a value of the rows themselves: trying again cannot help."""


class BrokenStoreError(StoreError):
    """What is in the file will not open, however often it is tried."""


class UnreadableStoreError(StoreError):
    """The disk does not give the file's content now; it may when it is asked again."""


class StoreMemoryError(StoreError):
    """DuckDB cannot open, read or write the file within its memory limit now."""


class InvalidatedStoreError(StoreError):
    """DuckDB has given the open database up, as after a failed write of its log: only opening it anew helps.

    `for_memory`: it was its memory limit, so that it must be opened with more.
    """

    for_memory = False


class Place:
    """Where an open store's file lies: DuckDB goes on in one that was removed, and all of that goes with the process.

    Args:
        path: of the file, which was opened just now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = inode_of(path)

    def check(self) -> None:
        """Raises `InvalidatedStoreError` when another file, or none, lies there now."""
        if inode_of(self._path) != self._inode:
            raise InvalidatedStoreError(
                "the store's file was taken away", hint="the worker opens the one that is there, or begins it anew"
            )


@contextlib.contextmanager
def as_store_error(operation: str) -> Iterator[None]:
    """DuckDB's messages may quote values of a row, so only the kind of error is passed on for writes."""
    try:
        yield
    except (duckdb.FatalException, duckdb.InternalException) as error:
        invalidated = InvalidatedStoreError(
            f"cannot {operation}: {type(error).__name__}", hint="the worker opens the store anew by itself"
        )
        invalidated.for_memory = _says(error, SHORT_OF_MEMORY)
        raise invalidated from error
    except duckdb.DataError as error:
        raise UnstorableError(f"cannot {operation}: {type(error).__name__}") from error
    except duckdb.Error as error:
        kind = StoreMemoryError if _says(error, SHORT_OF_MEMORY) else StoreError
        raise kind(f"cannot {operation}: {type(error).__name__}", hint="see leanvibe status") from error


def is_passing(error: Exception) -> bool:
    """Whether a file could not be read for a reason that lies in no file, such as want of descriptors or our stop."""
    if isinstance(error, OSError):
        return error.errno in _PASSING
    given_up = (duckdb.InterruptException, duckdb.FatalException)
    return isinstance(error, given_up) or _says(error, _PASSING_WORDS)


def _says(error: Exception, words: Iterable[str]) -> bool:
    return any(word in str(error) for word in words)


def not_opened(path: Path, error: Exception) -> StoreError:
    """The error of a file that will not open: the file's own fault, or that of what is around it."""
    reason = f"cannot open the store {path}: {str(error).partition(chr(10))[0][:300]}"
    if _says(error, SHORT_OF_MEMORY):
        return StoreMemoryError(reason, hint="raise LEANVIBE_STORE_MEMORY_MB")
    if re.search(_UNREADABLE, str(error)):
        return UnreadableStoreError(reason, hint="it is tried again by itself; look at the disk")
    if isinstance(error, OSError) or _says(error, FROM_OUTSIDE):
        return StoreError(reason, hint="is another sidecar using it, is the disk full, who owns it?")
    return BrokenStoreError(reason, hint="it is moved aside by itself")
