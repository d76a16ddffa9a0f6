"""Adding entries to the journal: one statement for a whole group, since each one hands the interpreter lock over."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, groupby
from typing import NamedTuple

import apsw

from sidecar.errors import NotDurableError
from sidecar.journal.schema import transaction

ROWS_AT_ONCE = 64
"""Rows of one statement; apsw keeps statements prepared, one for each number of rows."""

_ADD = "INSERT INTO journal(event_id, body) VALUES "
_KNOWN = "SELECT seq FROM given_ids WHERE event_id = ?1 UNION ALL SELECT seq FROM journal WHERE event_id = ?1"
_REMEMBER = "INSERT INTO given_ids(event_id, seq, given_at) VALUES (?, ?, ?)"


class Entry(NamedTuple):
    """One event to append. `given` says that the client chose the id, so that it may be a repeat."""

    event_id: str
    body: bytes
    given: bool = False


class Appended(NamedTuple):
    """Where an entry stands. `repeated`: an entry of this id was there before, nothing was added."""

    seq: int
    repeated: bool


def insert_all(connection: apsw.Connection, entries: Sequence[Entry], now: int) -> list[Appended]:
    """Adds entries in one synced transaction, in order, but those whose given id is known.

    Args:
        connection: for writing, outside a transaction.
        entries: the events, at least one.
        now: seconds since the epoch.
    """
    if len(entries) <= ROWS_AT_ONCE and not any(entry.given for entry in entries):
        return _insert_new(connection, entries)  # a statement alone is a transaction
    with transaction(connection):
        return list(chain.from_iterable(_insert_runs(connection, entries, now)))


def _insert_runs(connection: apsw.Connection, entries: Sequence[Entry], now: int) -> Iterable[list[Appended]]:
    for given, run in groupby(entries, key=lambda entry: entry.given):
        same = list(run)
        if given:
            yield [_insert_given(connection, entry, now) for entry in same]
            continue
        for start in range(0, len(same), ROWS_AT_ONCE):
            yield _insert_new(connection, same[start : start + ROWS_AT_ONCE])


def _insert_new(connection: apsw.Connection, entries: Sequence[Entry]) -> list[Appended]:
    """Rows of one statement get consecutive numbers: nobody else writes meanwhile, and AUTOINCREMENT only rises."""
    connection.execute(_add_rows(len(entries)), [value for entry in entries for value in entry[:2]])
    last = connection.last_insert_rowid()
    return [Appended(seq, repeated=False) for seq in range(last - len(entries) + 1, last + 1)]


def _insert_given(connection: apsw.Connection, entry: Entry, now: int) -> Appended:
    for (seq,) in connection.execute(_KNOWN, (entry.event_id,)):
        return Appended(seq, repeated=True)
    connection.execute(_add_rows(1), entry[:2])
    seq = connection.last_insert_rowid()
    connection.execute(_REMEMBER, (entry.event_id, seq, now))
    return Appended(seq, repeated=False)


def refusal(error: Exception) -> NotDurableError:
    """What whoever waits is told of an insertion that failed."""
    if isinstance(error, NotDurableError):
        return error
    return NotDurableError(
        f"the journal could not be written: {type(error).__name__}",
        hint="check the free space and the rights of the data directory",
    )


@cache
def _add_rows(count: int) -> str:
    return _ADD + ",".join(["(?,?)"] * count)
