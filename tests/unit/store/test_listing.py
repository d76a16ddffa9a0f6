"""Laws of the API's list of events."""

import contextlib
from pathlib import Path

import pytest

from sidecar.errors import QueryLimitError
from sidecar.worker.query import listing
from sidecar.worker.query.listing import EventFilter, recent
from sidecar.worker.store.store import FILE_NAME, Store

ENDLESS = "contains((SELECT count(*) FROM range(100000000000))::VARCHAR, ?)"


def test_a_search_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that takes longer than its time says so, and the store answers the next one."""
    monkeypatch.setattr(listing, "SECONDS", 0.1)
    with contextlib.closing(Store(tmp_path / FILE_NAME, 64)) as store:
        with monkeypatch.context() as patch:
            patch.setitem(listing._CONDITIONS, "text", ENDLESS)
            with pytest.raises(QueryLimitError, match=r"stopped after 0\.1 s"):
                recent(store, EventFilter(text="x"))
        assert [] == recent(store, EventFilter(text="x"))["events"]
