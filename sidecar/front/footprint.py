"""How much room the data takes, and how much there is."""

import contextlib
import os
import shutil
from pathlib import Path

import msgspec

from sidecar.journal.schema import FILE_NAME as JOURNAL_FILE

STORE_PREFIXES = ("store", "sealed")
"""Names of the store's files and folders begin so."""


class Footprint(msgspec.Struct, frozen=True):
    """Bytes of the journal's and the store's files, and of the file system that they are on."""

    journal_bytes: int = 0
    store_bytes: int = 0
    free_bytes: int = 0
    disk_bytes: int = 0


def footprint_of(data_dir: Path) -> Footprint:
    """The data directory's footprint; what cannot be read counts as nothing.

    Looks into no other folder: the spool may hold thousands of files, and the event loop waits for this.
    """
    journal = store = 0
    with contextlib.suppress(OSError), os.scandir(data_dir) as found:
        for entry in found:
            journal += _bytes_of(entry) if entry.name.startswith(JOURNAL_FILE) else 0
            store += _bytes_of(entry) if entry.name.startswith(STORE_PREFIXES) else 0
    with contextlib.suppress(OSError):
        disk = shutil.disk_usage(data_dir)
        return Footprint(journal, store, disk.free, disk.total)
    return Footprint(journal, store)


def _bytes_of(entry: "os.DirEntry[str]") -> int:
    """Of a file, or of all files in a folder."""
    with contextlib.suppress(OSError):
        if not entry.is_dir():
            return entry.stat().st_size
        with os.scandir(entry.path) as inside:
            return sum(map(_bytes_of, inside))
    return 0
