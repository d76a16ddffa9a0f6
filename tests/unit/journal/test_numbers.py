"""Laws of numbering: none is given twice, whoever begins the journal and whatever became of the one before."""

import shutil
from pathlib import Path

import pytest

from sidecar import events
from sidecar.journal import Entry, JournalReader, JournalWriter, outside
from sidecar.journal.mark import mark_of
from tests.recorded_events import recorded_events
from tests.unit.journal.test_writer import append

EVENT = events.encode(recorded_events(1)[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal in which five events were, closed."""
    path = tmp_path / "journal.sqlite"
    written(path, 5)
    return path


def written(path: Path, count: int) -> list[int]:
    """The numbers of so many events more."""
    journal = JournalWriter(path)
    seqs = [append(journal, Entry(f"{path}-{journal.last_seq}", EVENT))[0].seq for _ in range(count)]
    journal.close()
    return seqs


def numbers(path: Path) -> list[int]:
    reader = JournalReader(path)
    found = [event.seq for event in reader.after(0, limit=100)]
    reader.close()
    return found


def test_a_forwarder_begins_above_the_mark(path: Path) -> None:
    """What a forwarder puts into the place of a lost journal is above every number given; so is what follows."""
    mark = mark_of(path).value
    for file in path.parent.glob("journal.sqlite*"):
        file.unlink()

    for name in ("one", "two"):
        assert outside.append(path.parent, Entry(name, EVENT), max_bytes=1 << 20)
    assert [mark + 1, mark + 2] == numbers(path)
    assert [mark + 3] == written(path, 1)


def test_a_forwarder_goes_on_where_the_sidecar_stopped(path: Path) -> None:
    """In a journal that is there, trimmed or not, it takes the next number."""
    assert outside.append(path.parent, Entry("one", EVENT), max_bytes=1 << 20)
    assert [1, 2, 3, 4, 5, 6] == numbers(path)


def test_an_old_copy_goes_on_above_the_mark(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that were given after a copy was made are not given again when it is put back."""
    monkeypatch.setattr("sidecar.journal.mark.BLOCK", 4)
    monkeypatch.setattr("sidecar.journal.mark.SLACK", 2)
    monkeypatch.setattr("sidecar.journal.recovery.BLOCK", 4)
    mark_of(path)._path.unlink()
    written(path, 1)
    shutil.copy(path, tmp_path / "copy")
    later = written(path, 9)
    mark = mark_of(path).value
    for file in path.parent.glob("journal.sqlite*"):
        file.unlink()
    shutil.move(tmp_path / "copy", path)

    assert max(later) < mark < written(path, 1)[0]
