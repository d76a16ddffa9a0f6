"""How much room the data takes, and how much there is."""

import contextlib
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
    """The data directory's footprint; what cannot be read counts as nothing."""
    journal = store = 0
    with contextlib.suppress(OSError):
        for path in data_dir.rglob("*"):
            name = path.relative_to(data_dir).parts[0]
            with contextlib.suppress(OSError):
                size = path.stat().st_size if path.is_file() else 0
                journal += size if name.startswith(JOURNAL_FILE) else 0
                store += size if name.startswith(STORE_PREFIXES) else 0
    with contextlib.suppress(OSError):
        disk = shutil.disk_usage(data_dir)
        return Footprint(journal, store, disk.free, disk.total)
    return Footprint(journal, store)
