"""The journal against a model: appended to, trimmed, closed or cut off, it never lacks what was acknowledged."""

import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidecar.journal import Entry, JournalReader, JournalWriter, maintenance
from sidecar.worker.deliver.history import HistoryReader
from tests.recorded_events import recorded_events
from tests.unit.journal.test_bounds import Part
from tests.unit.journal.test_writer import append

MEGABYTE = 1 << 20


class JournalModel(RuleBasedStateMachine):
    """Appends, consumes, trims, closes, and cuts off as a crash does; a dictionary knows what must be there."""

    @initialize()
    def open(self) -> None:
        """A new journal in a directory of its own."""
        # A copy of the files is what a kill leaves only if no checkpoint runs between the copies of two of them.
        self.patched = mock.patch.object(maintenance, "CHECKPOINT_PAGES", 1 << 30)
        self.patched.start()
        self.folder = Path(tempfile.mkdtemp(prefix="leanvibe-test-"))
        self.copies = 0
        self.path = self.folder / "journal.sqlite"
        self.journal = JournalWriter(self.path, max_bytes=MEGABYTE)
        self.acknowledged: dict[int, str] = {}
        self.passed = self.cursor = 0

    @rule(count=st.integers(1, 5), size=st.integers(2, 200_000))
    def append(self, count: int, size: int) -> None:
        """Numbers rise, and none was ever given before."""
        highest = max(self.acknowledged, default=0)
        ids = [f"e{len(self.acknowledged) + number}" for number in range(count)]
        for event_id, appended in zip(
            ids, append(self.journal, *(Entry(one, bytes(size)) for one in ids)), strict=True
        ):
            assert highest < appended.seq
            highest = appended.seq
            self.acknowledged[appended.seq] = event_id

    @rule(size=st.integers(2, 100_000))
    def append_now(self, size: int) -> None:
        """On the caller's thread all of it or nothing is taken, and then it is still to be appended."""
        entry = Entry(f"e{len(self.acknowledged)}", bytes(size))
        (appended,) = self.journal.append_now([entry]) or append(self.journal, entry)
        assert max(self.acknowledged, default=0) < appended.seq
        self.acknowledged[appended.seq] = entry.event_id

    @rule(key=st.integers(0, 3))
    def append_given(self, key: int) -> None:
        """An id that a client gave is taken once, and answered with the same number for ever."""
        known = next((seq for seq, event_id in self.acknowledged.items() if event_id == f"given{key}"), None)
        (appended,) = append(self.journal, Entry(f"given{key}", b"{}", given=True))
        assert (known is not None) == appended.repeated
        assert known in {None, appended.seq}
        self.acknowledged[appended.seq] = f"given{key}"

    @precondition(lambda self: self.acknowledged)
    @rule(share=st.floats(0, 1))
    def pass_on(self, share: float) -> None:
        """Every consumer has passed some: those may go, now or later."""
        self.passed = max(self.passed, int(max(self.acknowledged) * share))
        self.cursor = max(self.cursor, self.passed)
        self.journal.trim(self.passed)

    @rule()
    def restart(self) -> None:
        """Closed in order and opened again."""
        self.journal.close()
        self.journal = JournalWriter(self.path, max_bytes=MEGABYTE)

    @rule(limit=st.integers(1, 20), max_bytes=st.integers(1, 300_000))
    def consume(self, limit: int, max_bytes: int) -> None:
        """A consumer goes on after its cursor: the next events, none left out, whatever went on before."""
        reader = JournalReader(self.path)
        batch = [event.seq for event in reader.after(self.cursor, limit=limit, max_bytes=max_bytes)]
        reader.close()
        following = [seq for seq in sorted(self.acknowledged) if seq > self.cursor]
        assert batch == following[: len(batch)]
        assert bool(batch) == bool(following)
        self.cursor = max([self.cursor, *batch])

    @rule()
    def trim_behind_the_consumer(self) -> None:
        """What it has passed may go."""
        self.passed = max(self.passed, self.cursor)
        self.journal.trim(self.passed)

    @rule(tail=st.binary(min_size=1, max_size=9000))
    def crash(self, tail: bytes) -> None:
        """What a kill leaves: the files as they are now, without a word to the process that wrote them.

        Behind the last commit stands what a write that was under way has left of itself.
        """
        self.copies += 1
        copy = self.folder / str(self.copies)
        copy.mkdir()
        for suffix in (".sqlite", ".sqlite-wal", ".mark"):
            file = self.path.with_name("journal" + suffix)
            if file.exists():
                shutil.copy(file, copy / file.name)
        with (copy / "journal.sqlite-wal").open("ab") as log:
            log.write(tail)
        self.journal.close()
        self.path = copy / "journal.sqlite"
        self.journal = JournalWriter(self.path, max_bytes=MEGABYTE)

    @invariant()
    def holds_what_was_not_passed(self) -> None:
        """Everything above the passed number is there, in order, and nothing that was not appended."""
        reader = JournalReader(self.path)
        found = {event.seq: event.event_id for event in reader.after(0, limit=100_000)}
        reader.close()
        expected = {seq: event_id for seq, event_id in self.acknowledged.items() if seq > self.passed}
        assert expected == {seq: event_id for seq, event_id in found.items() if seq > self.passed}
        assert found.items() <= self.acknowledged.items()
        assert sorted(found) == list(found)

    def teardown(self) -> None:
        """Closes and removes it."""
        if hasattr(self, "journal"):
            self.journal.close()
            self.patched.stop()
            shutil.rmtree(self.folder)


TestJournalModel = JournalModel.TestCase
TestJournalModel.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_a_cursor_anywhere_is_served(limit: int) -> None:
    """From every cursor, whatever the journal has forgotten, each later event comes once and in order."""
    reader = HistoryReader(Part(21, 60), Part(1, 40))
    total = len(recorded_events(60))
    for cursor in range(total):
        found = [cursor]
        while batch := reader.after(found[-1], limit=limit):
            found += [event.seq for event in batch]
        assert list(range(cursor, total + 1)) == found
