"""Opens the store whatever state its file is in: one that will not open is moved aside and begun anew.

What the journal still holds is then loaded again; what it had already forgotten stays in the file moved aside.
"""

import contextlib
import time
from functools import lru_cache
from pathlib import Path

from sidecar import private
from sidecar.log import LOGGER
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import BrokenStoreError, StoreMemoryError, UnreadableStoreError

MEMORY_STEPS = (1, 2, 4, 8, 16)
"""Times the memory limit that a store may be given that cannot be opened, or written, with less."""

MAX_DEATHS = 5
"""Workers in a row that died while they opened the file: broken in a way that kills, such as a crash in DuckDB.

Those count as well that could not read it from the disk: it may come to itself, or never."""


def open_store(path: Path, memory_mb: int) -> Store:
    """The store at `path`, a new one if the file there is broken.

    Raises:
        StoreError: it cannot be opened for a reason that lies outside the file: held by another process, no right,
            no space, no memory. Nothing is moved then.
    """
    deaths = path.with_suffix(".opening")
    died = _count(deaths)
    if died >= MAX_DEATHS:
        _move_aside(path, f"{died} workers in a row died opening it, or could not read it")
        died = 0
    _note(deaths, died + 1)
    try:
        store = _opened(path, memory_mb)
    except UnreadableStoreError:
        raise  # and stays counted
    except Exception:
        _forget(deaths)
        raise
    _forget(deaths)
    return store


def broken_note(path: Path) -> str | None:
    """One line about the newest file that was moved aside, for as long as it lies there; None without one."""
    return _broken_note(path, path.parent.stat().st_mtime_ns)


@lru_cache(maxsize=1)  # it is asked for each second, and nearly always nothing has changed
def _broken_note(path: Path, _folder_changed_ns: int) -> str | None:
    found = sorted(path.parent.glob(f"{path.name}.broken-*[0-9]"))
    if not found:
        return None
    return f"the store could not be opened and was begun anew; the old one is {found[-1]} (remove it once looked at)"


def existing_store(path: Path, memory_mb: int) -> Store:
    """The store at `path` as it lies there: for those that only read. Nothing is moved.

    Raises:
        StoreMemoryError: it takes more memory than any step gives.
        BrokenStoreError: what is in the file will not open.
        StoreError: as `open_store`.
    """
    *fewer, most = MEMORY_STEPS[_step(path) :]
    for step in fewer:
        with contextlib.suppress(StoreMemoryError):
            return Store(path, memory_mb * step)
    return Store(path, memory_mb * most)


def _opened(path: Path, memory_mb: int) -> Store:
    try:
        return existing_store(path, memory_mb)
    except (StoreMemoryError, BrokenStoreError) as error:
        _move_aside(path, error.message)
    return Store(path, memory_mb)


def needs_more_memory(path: Path) -> None:
    """From the next opening on the store at `path` gets twice the memory, up to the last step."""
    _note(_steps(path), _step(path) + 1)


def _steps(path: Path) -> Path:
    return path.with_suffix(".memory")


def _step(path: Path) -> int:
    return min(_count(_steps(path)), len(MEMORY_STEPS) - 1)


def _move_aside(path: Path, reason: str) -> None:
    """Keeps the file and its log under a name that DuckDB opens together."""
    aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
    for file, target in ((path, aside), (_log(path), _log(aside))):
        if file.exists():
            file.replace(target)
    _forget(_steps(path))
    LOGGER.error("the store is begun anew, the old one is kept as %s: %s", aside.name, reason)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _count(file: Path) -> int:
    try:
        return int(private.read(file))
    except (OSError, ValueError):
        return 0


def _forget(file: Path) -> None:
    with contextlib.suppress(OSError):  # it is none of ours, and counts none
        file.unlink(missing_ok=True)


def _note(file: Path, number: int) -> None:
    """A full disk must not keep the store from being opened: then deaths are just not counted."""
    try:
        private.replace(file, str(number).encode())
    except OSError as error:
        LOGGER.warning("cannot write %s: %s", file, error.strerror)
