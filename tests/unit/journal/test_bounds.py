"""Laws of the journal's bound in bytes: what the store has goes first, and nothing is ever taken beyond the bound."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.errors import NotDurableError
from sidecar.events import HookEvent
from sidecar.journal import Entry, JournalWriter, writer
from sidecar.worker.deliver.history import HistoryReader
from tests.recorded_events import recorded_events
from tests.unit.journal.test_writer import append, wait_for_first

MEGABYTE = 1 << 20
WAIT = 10.0


@pytest.fixture(name="journal")
def _journal(tmp_path: Path) -> Iterator[JournalWriter]:
    journal = JournalWriter(tmp_path / "journal.sqlite", max_bytes=4 * MEGABYTE)
    yield journal
    journal.close()


def fill(journal: JournalWriter, megabytes: int) -> None:
    for number in range(megabytes):
        append(journal, *(Entry(f"{time.monotonic_ns()}-{number}-{part}", bytes(MEGABYTE // 8)) for part in range(8)))


def test_below_the_bound_everyone_is_waited_for(journal: JournalWriter) -> None:
    """Rows stay until every consumer has passed them, however far the store is."""
    fill(journal, 2)
    journal.trim(3, stored=16)
    wait_for_first(journal.path, 4)


def test_beyond_the_bound_what_the_store_has_goes(journal: JournalWriter) -> None:
    """A sink that is away holds the journal at its bound and not beyond: the rest is in the store."""
    fill(journal, 5)
    journal.trim(0, stored=40)
    deadline = time.monotonic() + WAIT
    while journal._used > 4 * MEGABYTE and time.monotonic() < deadline:
        time.sleep(0.01)

    assert journal._used <= 4 * MEGABYTE
    assert 40 == journal.last_seq


def test_a_full_journal_refuses_and_recovers(journal: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the store has not taken is never thrown away: new events are refused until there is room again."""
    monkeypatch.setattr(writer, "FULL_BEYOND_BYTES", MEGABYTE)
    with pytest.raises(NotDurableError, match="full"):
        fill(journal, 8)
    assert "full" in (journal.last_error or "")
    refused_at = journal.last_seq

    journal.trim(0, stored=refused_at)
    deadline = time.monotonic() + WAIT
    while journal._used > 4 * MEGABYTE and time.monotonic() < deadline:
        time.sleep(0.01)

    assert refused_at + 1 == append(journal, Entry("again", b"{}"))[0].seq
    assert journal.last_error is None


class Part:
    """A journal or store that holds some of the recorded events."""

    def __init__(self, first: int, last: int) -> None:
        self._events = recorded_events(last)[first - 1 :]
        self._last = last

    def after(self, seq: int, *, limit: int, max_bytes: int = 0) -> list[HookEvent]:  # noqa: ARG002  the protocol's
        """As the journal."""
        return [event for event in self._events if event.seq > seq][:limit]

    def last_seq(self) -> int:
        """As the journal."""
        return self._last

    def events_between(self, after: int, before: int, *, limit: int, max_bytes: int) -> list[HookEvent]:  # noqa: ARG002  the protocol's
        """As the store."""
        return [event for event in self._events if after < event.seq < before][:limit]


@pytest.mark.parametrize(("first", "stored"), [(1, 0), (1, 40), (30, 40), (30, 100), (101, 100)])
def test_a_late_sink_gets_everything_in_order(first: int, stored: int) -> None:
    """Whatever the journal has forgotten comes from the store: every number once, in order, in bounded batches."""
    reader = HistoryReader(Part(first, 100), Part(1, stored))
    found: list[int] = []
    while batch := reader.after(found[-1] if found else 0, limit=7):
        assert len(batch) <= 7
        found += [event.seq for event in batch]

    assert list(range(1, 101)) == found


def test_what_is_nowhere_any_more_holds_up_nothing() -> None:
    """A number that neither the journal nor the store has is passed over: what follows is delivered."""
    reader = HistoryReader(Part(30, 100), Part(1, 0))

    assert list(range(30, 37)) == [event.seq for event in reader.after(9, limit=7)]
