"""The audit trail as a table: a copy for SQL of what the files hold, and for a while of what they held.

In DuckDB, so that one query reads it beside events; the files stay the truth, since only they can be verified.
"""

import contextlib
import threading

import msgspec

from sidecar.audit.trail import AuditTrail
from sidecar.errors import StoreError
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import as_store_error

MAX_ROWS = 200_000
"""Rows that are kept; the oldest go."""
BATCH = 1000
_TABLE = (
    "CREATE TABLE IF NOT EXISTS audit("
    "seq BIGINT, recorded_at TIMESTAMPTZ, action VARCHAR, actor VARCHAR, origin VARCHAR, detail JSON)"
)
_COLUMNS = ("seq", "at", "action", "actor", "origin")
_INSERT = (
    "INSERT INTO audit SELECT unnest(?), CAST(unnest(?) AS TIMESTAMPTZ), unnest(?), unnest(?), unnest(?), unnest(?)"
)


class AuditTable:
    """Brings the table up to the files when somebody asks for it.

    Args:
        store: the store whose data directory holds the trail.

    Raises:
        StoreError: the table cannot be made.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trail = AuditTrail(store.path.parent)
        self._turn = threading.Lock()
        store.fetch(_TABLE)

    def before(self, query: str) -> None:
        """Takes in what is new, when the query speaks of it.

        Raises:
            StoreError: the files cannot be read or the table not be written.
        """
        if "audit" in query.lower():
            with self._turn:
                self._take_in()

    def _take_in(self) -> None:
        last = self._store.fetch("SELECT coalesce(max(seq), 0) FROM audit")[0][0]
        try:
            rows = [_row(record) for record in self._trail.records(last)]
        except OSError as error:
            raise StoreError(f"the audit trail cannot be read: {error.strerror}") from error
        with as_store_error("load"), contextlib.closing(self._store.cursor()) as cursor:
            for start in range(0, len(rows), BATCH):
                cursor.execute(_INSERT, [list(column) for column in zip(*rows[start : start + BATCH], strict=True)])
            if rows:
                cursor.execute("DELETE FROM audit WHERE seq <= ?", [last + len(rows) - MAX_ROWS])


def _row(record: dict[str, object]) -> tuple[object, ...]:
    detail = msgspec.json.encode(record.get("detail", {})).decode()
    return (*(record.get(name) for name in _COLUMNS), detail)
