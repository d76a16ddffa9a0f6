"""Laws of a large journal: whatever waits in it, a start and a batch take a bounded part of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.journal import Entry, JournalReader, JournalWriter, recovery
from tests.unit.journal.test_writer import append

FEW, MANY = 1_000, 12_000


def journal_of(path: Path, *sizes: int) -> JournalWriter:
    """A journal with a body of each size."""
    journal = JournalWriter(path)
    append(journal, *(Entry(f"e{number}", bytes(size)) for number, size in enumerate(sizes)))
    return journal


@pytest.fixture
def steps() -> Iterator[Callable[[], int]]:
    """How many steps SQLite's machine made since the last call, over all connections of the process."""
    made: list[int] = []

    def hook(connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)

    def note(statement: dict[str, Any]) -> None:
        made.append(statement["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    def taken() -> int:
        total = sum(made)
        made.clear()
        return total

    apsw.connection_hooks.append(hook)
    yield taken
    apsw.connection_hooks.remove(hook)


def test_a_start_and_the_first_batch_do_not_look_through_the_journal(
    tmp_path: Path, steps: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening, appending, asking how full it is and reading a batch cost the same with twelve times the events."""
    monkeypatch.setattr(recovery, "CHECK_SECONDS", -1.0)  # that one is bounded by time
    monkeypatch.setattr(recovery, "CHECK_STEPS", 100)
    cost = {}
    for count in (FEW, MANY):
        path = tmp_path / f"{count}.sqlite"
        journal_of(path, *([100] * count)).close()
        steps()
        journal = JournalWriter(path)
        append(journal, Entry("new", b"{}"))
        reader = JournalReader(path)
        assert 500 == len(reader.after(0, limit=500))
        assert count + 1 == reader.last_seq()
        reader.close()
        journal.close()
        cost[count] = steps()

    assert cost[FEW] > 0
    assert cost[MANY] <= cost[FEW] * 1.1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(
    sizes=st.lists(st.integers(2, 5_000), min_size=1, max_size=40),
    limit=st.integers(1, 10),
    max_bytes=st.integers(1, 10_000),
)
def test_batches_are_bounded_by_count_and_bytes(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int, max_bytes: int
) -> None:
    """A batch has at most `limit` events, and without its last one fewer than `max_bytes`; none is left out."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    journal = journal_of(path, *sizes)
    reader = JournalReader(path)
    seen = [0]
    while batch := reader.after(seen[-1], limit=limit, max_bytes=max_bytes):
        assert len(batch) <= limit
        assert sum(sizes[event.seq - 1] for event in batch[:-1]) < max_bytes
        seen += [event.seq for event in batch]
    reader.close()
    journal.close()

    assert list(range(len(sizes) + 1)) == seen
