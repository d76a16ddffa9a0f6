"""Appending from outside, by a forwarder: one event, beside the sidecar's own writer or without one."""

import time
from pathlib import Path

import apsw

from sidecar.journal.insertion import Entry, insert_all
from sidecar.journal.maintenance import highest_seq, number_above
from sidecar.journal.mark import mark_of
from sidecar.journal.schema import FILE_NAME, open_for_writing

BUSY_MS = 500
CHECKPOINT_PAGES = 1000


def append(data_dir: Path, entry: Entry, *, max_bytes: int) -> bool:
    """Makes one event durable; False when the journal's files hold `max_bytes` already.

    Any number of processes may do so at once. A journal that is begun here goes on above the mark. An event whose id
    is known is not appended again, so that one that the sidecar did take, but acknowledged too late, is there once.

    Raises:
        JournalError, apsw.Error, OSError: it was not appended.
    """
    path = data_dir / FILE_NAME
    files = (path, path.with_name(path.name + "-wal"))
    if sum(file.stat().st_size for file in files if file.exists()) >= max_bytes:
        return False
    connection = open_for_writing(path)
    try:
        connection.set_busy_timeout(BUSY_MS)
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        if not highest_seq(connection):  # a new file: an older one may have been lost
            number_above(connection, mark_of(path).value)
        insert_all(connection, [entry], int(time.time()))
    finally:
        _close(connection)
    return True


def _close(connection: apsw.Connection) -> None:
    """Without the checkpoint that closing the last connection would make: a long log takes longer than a hook may."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
