"""Dead letters: a row for each, and beside it the parts of what is too large for a row, as with large payloads.

A letter is named by its sink, the time of its refusal, and the event's number and id. DuckDB's own numbers of rows
are of no use for that: a checkpoint closes the gaps that deleted rows left, and gives them to others.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import duckdb
import msgspec

from sidecar.worker.store.notebook import DeadLetter
from sidecar.worker.store.payloads import INLINE_BYTES, MARK, head, pieces
from sidecar.worker.store.rows import micros, moment
from sidecar.worker.store.transaction import append

TABLES = ("dead_letters", "dead_letter_parts")
Fetch = Callable[..., list[tuple[Any, ...]]]
"""Runs a SELECT with its values; `Store.fetch`."""

_AFTER = "FROM dead_letters WHERE sink = ? AND died_at >= ? AND died_at > ?"
_TIMES = f"SELECT died_at {_AFTER} ORDER BY died_at LIMIT ?"
_LETTERS = """
SELECT died_at, seq, event_id, any_value(payload) FROM dead_letters
WHERE sink = ? AND died_at BETWEEN ? AND ? GROUP BY ALL ORDER BY ALL
"""
_OF_KEY = "sink = ? AND died_at = ? AND seq = ? AND event_id = ?"
_PARTS = f"SELECT DISTINCT part, text FROM dead_letter_parts WHERE {_OF_KEY}"


class Key(NamedTuple):
    """What names a letter of a sink: when it was refused, in microseconds since the epoch, which event it is of."""

    died_at: int
    seq: int
    event_id: str


class Letter(NamedTuple):
    """One letter, and what the sink was given."""

    key: Key
    payload: str


def write(connection: duckdb.DuckDBPyConnection, letters: Sequence[DeadLetter]) -> None:
    """Adds letters, inside the caller's transaction."""
    append(connection, "dead_letters", [(*_names(one), one.reason, _inline(one.payload)) for one in letters])
    large = [(_names(one), pieces(one.payload)) for one in letters if _is_large(one.payload)]
    if parts := [(*names, number, text) for names, texts in large for number, text in enumerate(texts)]:
        append(connection, "dead_letter_parts", parts)


def forget(connection: duckdb.DuckDBPyConnection, sink: str, keys: Sequence[Key]) -> None:
    """Removes letters of a sink, inside the caller's transaction."""
    columns = [[moment(key.died_at) for key in keys], [key.seq for key in keys], [key.event_id for key in keys]]
    named = "(died_at, seq, event_id) IN (SELECT unnest(?), unnest(?), unnest(?))"
    for table in TABLES:
        connection.execute(f"DELETE FROM {table} WHERE sink = ? AND {named}", [sink, *columns])


def forget_until(connection: duckdb.DuckDBPyConnection, up_to: dt.datetime) -> dict[str, int]:
    """Removes all letters that were refused until then, inside the caller's transaction; how many of each sink."""
    counted = "SELECT sink, count(*) FROM dead_letters WHERE died_at <= ? GROUP BY sink"
    gone: dict[str, int] = dict(connection.execute(counted, [up_to]).fetchall())
    for table in TABLES:
        connection.execute(f"DELETE FROM {table} WHERE died_at <= ?", [up_to])
    return gone


def read(fetch: Fetch, sink: str, since: int, after: int, limit: int) -> Iterator[Letter]:
    """A sink's letters since a time, refused later than another; oldest first, large ones whole.

    About `limit` of them: those of a microsecond come together, so that the last one's time tells how far it is.
    """
    times = fetch(_TIMES, [sink, moment(since), moment(after), limit])
    if not times:
        return
    for died_at, seq, event_id, payload in fetch(_LETTERS, [sink, *times[0], *times[-1]]):
        whole = _whole(fetch, [sink, died_at, seq, event_id]) if payload.startswith(MARK) else ""
        yield Letter(Key(micros(died_at), seq, event_id), whole or payload)


def count(fetch: Fetch, sink: str, since: int, after: int) -> int:
    """How many such letters there are."""
    return int(fetch(f"SELECT count(*) {_AFTER}", [sink, moment(since), moment(after)])[0][0])


def _whole(fetch: Fetch, names: list[Any]) -> str:
    return "".join(text for _, text in sorted(fetch(_PARTS, names)))


def _names(letter: DeadLetter) -> tuple[str, int, str, Any]:
    return letter.sink, letter.seq, letter.event_id, moment(letter.died_at)


def _is_large(payload: str) -> bool:
    return len(payload) > INLINE_BYTES


def _inline(payload: str) -> str:
    """The payload as it stands in the letter's row: whole, or its head."""
    if not _is_large(payload):
        return payload
    try:
        return head(payload.encode())
    except (msgspec.MsgspecError, ValueError):  # what a sink refused may be anything
        return f"{MARK}{len(pieces(payload))}}}"
