"""What a replay asks of the store."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sidecar.events import HookEvent
from sidecar.worker.store import letters
from sidecar.worker.store.letters import Key, Letter
from sidecar.worker.store.rows import moment
from sidecar.worker.store.store import Store

MAX_BYTES = 8 * 1024 * 1024

_MATCHES = "received_at >= ? AND (? IS NULL OR session_id = ?) AND seq > ?"
_NEXT_SESSION = """
WITH sessions AS (
    SELECT session_id, min(seq) AS first_seq, list(DISTINCT trace_id) AS trace_ids
    FROM events_stored
    WHERE received_at >= ? AND (? IS NULL OR session_id = ?)
    GROUP BY session_id
    HAVING min(seq) > ?
)
SELECT session_id, first_seq, trace_ids, count(*) OVER () - 1 AS remaining
FROM sessions
ORDER BY first_seq
LIMIT 1
"""


class SessionRows(NamedTuple):
    """One session: number of its first event in the range, the traces in the range, sessions left after it."""

    session_id: str
    first_seq: int
    trace_ids: frozenset[str]
    left: int


class History:
    """Reads ranges of the store, oldest first; times are microseconds since the epoch.

    Raises, everywhere:
        StoreError: it cannot be read now.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def events_since(self, since: int, session_id: str | None, after: int, limit: int) -> list[HookEvent]:
        """Events received since then, of that session if given, with numbers above `after`; at most `limit`."""
        values = [moment(since), session_id, session_id, after]
        return self._store.events_where(_MATCHES, values, limit=limit, max_bytes=MAX_BYTES)

    def count_since(self, since: int, session_id: str | None, after: int) -> int:
        """How many such events there are."""
        query = f"SELECT count(*) FROM events_stored WHERE {_MATCHES}"
        return self._number(query, [moment(since), session_id, session_id, after])

    def next_session(self, since: int, session_id: str | None, after: int) -> SessionRows | None:
        """The session whose first such event has the lowest number above `after`."""
        rows = self._store.fetch(_NEXT_SESSION, [moment(since), session_id, session_id, after])
        if not rows:
            return None
        found, first_seq, trace_ids, left = rows[0]
        return SessionRows(found, first_seq, frozenset(trace_ids), left)

    def dead_letters(self, sink: str, since: int, after: int, limit: int) -> list[Letter]:
        """A sink's dead letters since then, refused later than `after`: about `limit`, and about `MAX_BYTES`."""
        found: list[Letter] = []
        size = 0
        for letter in letters.read(self._store.fetch, sink, since, after, limit):
            if size > MAX_BYTES and letter.key.died_at > found[-1].key.died_at:
                break
            found.append(letter)
            size += len(letter.payload)
        return found

    def count_dead_letters(self, sink: str, since: int, after: int) -> int:
        """How many such dead letters there are."""
        return letters.count(self._store.fetch, sink, since, after)

    def forget_dead_letters(self, sink: str, keys: Sequence[Key]) -> None:
        """Removes what a sink has taken after all."""
        self._store.forget_dead_letters(sink, keys)

    def _number(self, query: str, values: list[Any]) -> int:
        return int(self._store.fetch(query, values)[0][0])
