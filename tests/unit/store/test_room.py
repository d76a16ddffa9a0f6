"""DuckDB's memory: little at rest, all of it while somebody asks."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from sidecar.worker.store.room import MORE, Room
from sidecar.worker.store.store import Store

LIMIT = "SELECT current_setting('memory_limit')"


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store.duckdb", 128)
    store.room.settle()
    return store


def limit(store: Store) -> str:
    return str(store.cursor().execute(LIMIT).fetchall()[0][0])


def test_a_reader_has_all_of_it_and_nobody_afterwards(store: Store) -> None:
    """The limit is a fifth while nobody asks, the whole as long as one of several does."""
    assert "23.8 MiB" == limit(store)
    with store.room.enough():
        with store.room.enough():
            assert "122.0 MiB" == limit(store)
        assert "122.0 MiB" == limit(store)
    assert "23.8 MiB" == limit(store)
    assert [("122.0 MiB",)] == store.fetch(LIMIT)


def test_one_who_needs_more_has_more(store: Store) -> None:
    """Eight times the whole, until it is done; what others have meanwhile is no less."""
    with store.room.enough():
        with store.room.enough(MORE):
            assert "976.5 MiB" == limit(store)
        assert "122.0 MiB" == limit(store)
    assert "23.8 MiB" == limit(store)


def test_it_is_had_again_after_an_error(store: Store) -> None:
    """A query that fails takes the rest away from nobody."""
    with pytest.raises(duckdb.Error), store.room.enough():
        store.cursor().execute("SELECT 1 FROM nowhere")
    assert "23.8 MiB" == limit(store)


class Busy:
    """A connection whose database needs what it has, for a while."""

    def __init__(self) -> None:
        self.limits: list[str] = []
        self.is_over = False

    def execute(self, statement: str) -> None:
        """Takes a limit that is high enough."""
        if "25MB" in statement and not self.is_over:
            raise duckdb.OutOfMemoryException("could not free up enough memory")
        self.limits.append(statement)


def test_what_is_in_use_is_taken_back_later() -> None:
    """A limit that DuckDB cannot go back to yet troubles nobody, and is asked for again."""
    busy: Any = Busy()
    room = Room(busy, 128)
    with room.enough():
        pass
    room.settle()
    assert [] == busy.limits

    busy.is_over = True
    room.settle()
    room.settle()
    assert ["SET GLOBAL memory_limit = '25MB'"] == busy.limits


def test_a_small_setting_is_not_divided(tmp_path: Path) -> None:
    """Below what loading needs nothing is taken away."""
    assert 24 == Room(duckdb.connect(tmp_path / "a"), 32).at_rest_mb
    assert 16 == Room(duckdb.connect(tmp_path / "b"), 16).at_rest_mb
