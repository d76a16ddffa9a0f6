"""A store of one's own for each test; files with a store of another kind have their own fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.worker.store.store import Store


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.duckdb", memory_mb=64)
    yield store
    store.close()
