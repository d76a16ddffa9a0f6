"""DuckDB's memory: little at rest, all of it while somebody asks."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from sidecar.worker.store.room import MORE, Room
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import StoreMemoryError

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


class Hungry:
    """Work that needs so many megabytes."""

    def __init__(self, store: Store, needs_mib: float) -> None:
        self._store = store
        self._needs_mib = needs_mib
        self.given: list[str] = []

    def __call__(self) -> str:
        """Fails as DuckDB does where that is too little."""
        self.given.append(limit(self._store))
        if float(self.given[-1].split()[0]) < self._needs_mib:
            raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data")
        return "done"


def test_work_has_little_first_and_more_when_it_needs_it(store: Store) -> None:
    """What can be done again is tried with two fifths, the whole, and eight times it, and nothing stays."""
    hungry = Hungry(store, 500)
    assert "done" == store.room.as_needed("seal", hungry)
    assert ["48.6 MiB", "122.0 MiB", "976.5 MiB"] == hungry.given
    assert "23.8 MiB" == limit(store)

    content = Hungry(store, 30)
    assert "done" == store.room.as_needed("seal", content)
    assert ["48.6 MiB"] == content.given


def test_work_that_never_has_enough_is_told(store: Store) -> None:
    """Beyond the most that is given the error says what could not be done."""
    with pytest.raises(StoreMemoryError, match="cannot seal"):
        store.room.as_needed("seal", Hungry(store, 5000))
    assert "23.8 MiB" == limit(store)
