"""Laws of the loader: it takes what the journal holds, and it ends when it is told to."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest

from sidecar.errors import StoreError
from sidecar.events import HookEvent
from sidecar.journal import JournalReader
from sidecar.worker.measure.meter import Meter
from sidecar.worker.store import loader as loading
from sidecar.worker.store.loader import Loader
from sidecar.worker.store.notebook import Notebook, Notes, dead_letter
from sidecar.worker.store.store import FILE_NAME, Store
from sidecar.worker.store.trouble import StoreMemoryError
from tests import recorded

BODY = {"session_id": "s", "hook_event_name": "Notification"}


class EndlessJournal:
    """A journal that somebody appends to as fast as it is read, a given number of events at a time."""

    def __init__(self, events_at_once: int, newest: int = 0) -> None:
        self._events_at_once = events_at_once
        self._newest = newest
        self._event = recorded.event(BODY, 0, 1)

    def after(self, seq: int, *, limit: int, max_bytes: int) -> list[HookEvent]:  # noqa: ARG002  the reader's
        """The next events; there always are some."""
        numbers = range(seq + 1, seq + 1 + min(limit, self._events_at_once))
        return [msgspec.structs.replace(self._event, seq=n, event_id=f"e{n}") for n in numbers]

    def last_seq(self) -> int:
        """The newest number that is told of."""
        return self._newest


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store(tmp_path / FILE_NAME, memory_mb=64)) as store:
        yield store


@pytest.mark.parametrize("events_at_once", [1, loading.BATCH_EVENTS])
def test_a_loader_ends_though_the_journal_does_not(store: Store, events_at_once: int) -> None:
    """A worker whose front was killed lets go of the store, however fast the next front appends."""
    journal = cast("JournalReader", EndlessJournal(events_at_once))
    loader = Loader(store, journal, Notebook(), Meter(store))
    loader.start()
    assert loader.wait_for(1, 10)

    loader.close(0.2)

    assert [(loader.cursor,)] == store.fetch("SELECT max(seq) FROM events")


@pytest.mark.parametrize(
    ("newest", "rest"),
    [(1, 0.5 * loading.SHARE), (loading.FAR_BEHIND, 0.0)],
    ids=["in a burst", "far behind"],
)
def test_a_burst_comes_before_its_loading(store: Store, newest: int, rest: float) -> None:
    """While events come in a full batch is followed by a rest, unless it is far behind or they are large."""
    journal = cast("JournalReader", EndlessJournal(loading.BATCH_EVENTS, newest))
    loader = Loader(store, journal, Notebook(), Meter(store))

    assert rest == loader._rest(loading.BATCH_EVENTS, 0.5)
    assert 0.0 == loader._rest(loading.BATCH_EVENTS - 1, 0.5)  # full of bytes


def test_in_quiet_nobody_is_made_room_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before, such as a backlog at the start, is loaded as fast as it goes."""
    monkeypatch.setattr("sidecar.worker.traffic.QUIET_SECONDS", 0.0)
    loader = Loader(store, cast("JournalReader", EndlessJournal(1, 5)), Notebook(), Meter(store))

    assert 0.0 == loader._rest(loading.BATCH_EVENTS, 0.5)


REFUSED = b'{"output":"cut inside \\ud83d"}'
"""JSON that DuckDB takes for none."""


class OneRefused:
    """A journal of three events, of which DuckDB refuses the second one's payload."""

    def after(self, seq: int, *, limit: int, max_bytes: int) -> list[HookEvent]:  # noqa: ARG002  the reader's
        """Those behind that number."""
        events = [recorded.event(BODY, 0, number) for number in (1, 2, 3)]
        events[1] = msgspec.structs.replace(events[1], payload=msgspec.Raw(REFUSED))
        return [event for event in events if event.seq > seq]

    def last_seq(self) -> int:
        """The newest number."""
        return 3


def test_what_duckdb_refuses_is_kept_once_and_stops_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its payload, as text, is one dead letter, also when the disk was full in between; the others are loaded."""
    disk = iter([True, False])
    notebook = Notebook()
    notebook.note(
        "postgres", 2, None, [dead_letter("postgres", OneRefused().after(1, limit=1, max_bytes=1)[0], "no")]
    )
    loader = Loader(store, cast("JournalReader", OneRefused()), notebook, Meter(store))
    load = store.load

    def full_at_first(events: Sequence[HookEvent], notes: Notes) -> None:
        if all(bytes(event.payload) != REFUSED for event in events) and next(disk, False):
            raise StoreError("no space")
        load(events, notes)

    monkeypatch.setattr(store, "load", full_at_first)
    assert [] == loader._step()
    loader._step()

    assert [(1,), (2,), (3,)] == store.fetch("SELECT seq FROM events ORDER BY seq")
    letters = store.fetch("SELECT sink, seq, payload ->> '$' FROM dead_letters ORDER BY sink")
    assert [("postgres", 2, REFUSED.decode()), ("store", 2, REFUSED.decode())] == letters


@pytest.mark.parametrize(
    ("short", "for_memory"),
    [(MemoryError(), False), (StoreMemoryError("cannot load"), True)],
    ids=["own", "DuckDB's"],
)
def test_a_loader_without_memory_gives_up(
    store: Store, short: Exception, for_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a query holds for good is had back by a new worker; only DuckDB's limit is one that more is given of."""
    told: list[bool] = []

    def lacking(*_: object) -> None:
        raise short

    monkeypatch.setattr(store, "load", lacking)
    loader = Loader(store, cast("JournalReader", OneRefused()), Notebook(), Meter(store), told.append)
    for _ in range(loading.MEMORY_ATTEMPTS):
        assert [] == told
        assert [] == loader._step()

    assert [for_memory] == told
