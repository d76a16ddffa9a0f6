"""The high-water mark: a number above every sequence number ever given, kept outside the journal.

A journal that is lost or rebuilt goes on from it. Consumers' cursors stay right then; a number that was given twice
would make them pass events over.
"""

import os
from pathlib import Path

from sidecar import private

BLOCK = 1_000_000
"""Numbers reserved at a time, so that the mark is written once in a million events."""
SLACK = BLOCK // 2


class HighWaterMark:
    """One small file beside the journal, rewritten in whole.

    Args:
        path: the file; without one, or with one that holds no number, the mark is 0.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.value = _read(path)

    def keep_above(self, seq: int) -> None:
        """Raises the mark when `seq` comes near; on disk when this returns.

        Raises:
            OSError: it cannot be written. The mark is as before, and far from `seq` unless that went on for long.
        """
        if seq + SLACK > self.value:
            raised = seq + BLOCK
            _write(self._path, raised)
            self.value = raised


def mark_of(journal: Path) -> HighWaterMark:
    """The mark beside that journal.

    Raises:
        OSError: it cannot be read.
    """
    return HighWaterMark(journal.with_suffix(".mark"))


def _read(path: Path) -> int:
    try:
        return int(private.read(path))
    except (FileNotFoundError, ValueError):
        return 0


def _write(path: Path, number: int) -> None:
    private.replace(path, f"{number}\n".encode(), sync=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
