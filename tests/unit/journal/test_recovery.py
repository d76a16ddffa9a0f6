"""Laws of a damaged journal: it stops nothing, is kept, loses only what cannot be read, and no number comes twice."""

import contextlib
import logging
import random
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from sidecar import events
from sidecar.errors import JournalError, NotDurableError
from sidecar.journal import Appended, Entry, JournalReader, JournalWriter, mending, recovery, salvage, writer
from tests.recorded_events import recorded_events
from tests.unit.journal.test_writer import append, wait_for_first
from tests.waiting import until

PAGE = 4096


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """A journal of 2,000 events of about a page each, closed."""
    path = tmp_path / "data" / "journal.sqlite"
    path.parent.mkdir()
    journal = JournalWriter(path)
    event = recorded_events(1)[0]
    append(journal, *(Entry(f"e{number}", events.encode(event) + b" " * PAGE) for number in range(1, 2001)))
    journal.close()
    return path


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.CRITICAL):
        yield


def damage(path: Path, *pages: int) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def numbers(path: Path) -> list[int]:
    reader = JournalReader(path)
    found = [event.seq for event in reader.after(0, limit=10_000, max_bytes=1 << 40)]
    reader.close()
    return found


def test_damaged_pages_cost_what_is_on_them(path: Path) -> None:
    """With pages gone in the midst, what is on all others is there and the loss is counted."""
    pages = path.stat().st_size // PAGE
    leaves = random.Random(5).sample(range(pages // 2, pages), 4)
    damage(path, *leaves)
    journal = JournalWriter(path)
    left = numbers(path)

    assert 1800 < len(left) < 2000
    assert 2000 - len(left) == journal.lost
    assert "events saved" in (journal.recovery or "")
    assert 2000 < append(journal, Entry("new", b"{}"))[0].seq
    assert 1 == len(list(path.parent.glob("journal.sqlite.broken-*[0-9]")))
    journal.close()


def test_numbers_are_never_given_again(path: Path) -> None:
    """Whether the file is rubbish, gone, or without its first page: the next number is above every one before."""
    for spoil in (lambda: path.write_bytes(b"no database" * 2000), path.unlink, lambda: damage(path, 1)):
        before = JournalWriter(path)
        highest = append(before, Entry(f"last {time.monotonic_ns()}", b"{}"))[0].seq
        before.close()
        spoil()
        journal = JournalWriter(path)
        assert highest < append(journal, Entry(f"next {time.monotonic_ns()}", b"{}"))[0].seq
        journal.close()


def test_a_new_journal_begins_with_one(tmp_path: Path) -> None:
    """An installation that never had an event starts at 1, also when it was started before."""
    JournalWriter(tmp_path / "journal.sqlite").close()
    journal = JournalWriter(tmp_path / "journal.sqlite")

    assert [Appended(1, repeated=False)] == append(journal, Entry("first", b"{}"))
    journal.close()


def test_given_ids_are_saved(tmp_path: Path) -> None:
    """A repeat is known across a repair, as far as it can be read."""
    path = tmp_path / "journal.sqlite"
    journal = JournalWriter(path)
    first = append(journal, Entry("mine", b"{}", given=True))
    append(journal, *(Entry(f"e{number}", b" " * PAGE) for number in range(100)))
    journal.close()
    damage(path, 60)
    again = JournalWriter(path)

    assert again.recovery is not None
    assert [Appended(first[0].seq, repeated=True)] == append(again, Entry("mine", b"{}", given=True))
    again.close()


def test_a_mending_that_failed_is_not_tried_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a damaged journal takes long: while it cannot be begun anew, events that come do not each try it."""
    journal = JournalWriter(path)
    tried: list[Path] = []

    def cannot(where: Path, *_: object) -> None:
        tried.append(where)
        raise JournalError("no room")

    monkeypatch.setattr(writer, "reopened", cannot)
    for file in path.parent.glob("journal.*"):
        file.unlink()
    for _ in range(3):
        refused(journal)

    assert [path] == tried
    journal.close()


def test_damage_while_running_is_mended(path: Path) -> None:
    """Damage that shows at a commit refuses that group; then the file is moved aside and the next one is taken.

    A reader that was open before follows to the new file.
    """
    journal, reader = JournalWriter(path), JournalReader(path)
    reader.after(0, limit=1)
    journal._connection.execute("PRAGMA shrink_memory")
    damage(path, *range(1, path.stat().st_size // PAGE + 1))
    with pytest.raises(NotDurableError):
        append(journal, *(Entry(f"x{number}", b"{}") for number in range(500)))
    taken = append(journal, Entry("after", b"{}"))

    assert taken[0].seq > 2000
    assert journal.recovery is not None
    assert taken[0].seq == reader.last_seq()
    reader.close()
    journal.close()


def test_the_check_at_start_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal too large to be checked in time is opened all the same."""
    monkeypatch.setattr(recovery, "CHECK_SECONDS", -1.0)
    monkeypatch.setattr(recovery, "CHECK_STEPS", 10)
    journal = JournalWriter(path)

    assert journal.recovery is None
    assert 2000 == journal.last_seq
    journal.close()


def test_salvage_finds_all_that_sqlite_can_read(path: Path) -> None:
    """Of a sound file everything is found, once."""
    with_everything = apsw.Connection(str(path))
    found = sorted(row.seq for row in salvage.rows(with_everything, 2000))
    with_everything.close()

    assert list(range(1, 2001)) == found


def test_mending_that_fails_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a damaged journal cannot be begun anew, as on a full disk, appends are refused, each at once.

    Once it can, all that could be read is there, and no number comes twice.
    """
    monkeypatch.setattr(writer, "MEND_SECONDS", 0.0)
    journal = JournalWriter(path)
    journal._connection.execute("PRAGMA shrink_memory")
    damage(path, *range(path.stat().st_size // PAGE - 20, path.stat().st_size // PAGE + 1))
    with monkeypatch.context() as full:
        full.setattr(mending, "save_given_ids", disk_is_full)
        for number in range(3):
            with pytest.raises(NotDurableError):
                append(journal, *(Entry(f"x{number} {place}", b"{}") for place in range(500)))
            until(lambda: "anew" in (journal.last_error or ""), "it is said why")
            assert journal.append_now([Entry("now", b"{}")]) is None
    taken = until(lambda: appended(journal, "after", "after that"), "entries are taken again")

    assert taken[0].seq > 2000
    assert 1900 < len(numbers(path)) < 2002
    assert journal.last_error is None
    journal.close()


def appended(journal: JournalWriter, *ids: str) -> list[Appended] | None:
    """Where entries stand, None when they were refused: the last mending may have begun before there was room."""
    with contextlib.suppress(NotDurableError):
        return append(journal, *(Entry(one, b"{}") for one in ids))
    return None


def disk_is_full(_: apsw.Connection, connection: apsw.Connection) -> None:
    """Stands for a disk that fills up while rows are saved."""
    connection.execute("INSERT INTO journal(event_id, body) VALUES ('part', x'00')")
    raise apsw.FullError("database or disk is full")


@pytest.mark.parametrize("in_place", ["nothing", "folder", "another"])
def test_a_file_taken_away_is_made_anew(path: Path, in_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is acknowledged into a file that is not there any more; what was in it is saved, and numbers go on."""
    monkeypatch.setattr(writer, "MEND_SECONDS", 0.0)
    journal = JournalWriter(path)
    newest = append(journal, Entry("last", b"{}"))[0].seq
    for file in path.parent.glob("journal.*"):
        file.unlink()
    if in_place == "another":
        JournalWriter(path).close()
    if in_place == "folder":
        path.mkdir()
        refused(journal)
        until(lambda: "cannot open" in (journal.last_error or ""), "it is said why")
        path.rmdir()
    else:
        refused(journal)
    until(lambda: takes(journal), "it is made anew")

    found = numbers(path)
    assert [*range(1, newest + 1)] == found[:newest]
    assert [journal.last_seq] == found[newest:]
    assert "taken away" in (journal.recovery or "")
    journal.close()


def test_given_ids_outlive_a_file_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeat is known in the file made anew, also of an event that was trimmed before."""
    monkeypatch.setattr(writer, "MEND_SECONDS", 0.0)
    journal = JournalWriter(tmp_path / "journal.sqlite")
    append(journal, Entry("mine", b"{}", given=True))
    journal.trim(1)
    wait_for_first(journal.path, None)
    for file in tmp_path.glob("journal.*"):
        file.unlink()
    refused(journal)
    until(lambda: takes(journal), "it is made anew")

    assert [Appended(1, repeated=True)] == append(journal, Entry("mine", b"{}", given=True))
    journal.close()


def test_a_folder_taken_away_is_named_until_it_is_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes the data directory anew, so nobody is told to wait for that; put back, all goes on in it."""
    monkeypatch.setattr(writer, "MEND_SECONDS", 0.0)
    journal = JournalWriter(path)
    away = path.parent.with_name("away")
    path.parent.rename(away)
    for _ in range(2):
        with pytest.raises(NotDurableError, match=r"data directory .* was taken away .*put it back"):
            append(journal, Entry("lost", b"{}"))
    away.rename(path.parent)
    until(lambda: takes(journal), "it goes on")

    assert [*range(1, 2001), journal.last_seq] == numbers(path)
    journal.close()


def test_a_folder_that_comes_back_while_that_is_mended_keeps_its_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log holds what was acknowledged last: nothing takes it for one that was left, whenever the folder comes."""
    journal = JournalWriter(path)
    newest = append(journal, Entry("last", b"{}"))[0].seq
    away = path.parent.with_name("away")
    path.parent.rename(away)

    exists = Path.exists

    def comes_back(file: Path) -> bool:
        existed = exists(file)
        if exists(away):
            away.rename(path.parent)
        return existed

    with monkeypatch.context() as late:
        late.setattr(Path, "exists", comes_back)
        with pytest.raises(NotDurableError, match="was taken away"):
            recovery.reopened(path, journal._connection, journal._inode, newest)
    away.rename(path.parent)

    assert newest == numbers(path)[-1]
    assert takes(journal)
    journal.close()


def refused(journal: JournalWriter) -> None:
    assert journal.append_now([Entry("now", b"{}")]) is None
    with pytest.raises(NotDurableError):
        append(journal, Entry("lost", b"{}"))


def takes(journal: JournalWriter) -> bool:
    try:
        return bool(append(journal, Entry("next", b"{}")))
    except NotDurableError:
        return False
