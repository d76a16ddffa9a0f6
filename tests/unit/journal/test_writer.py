"""Laws of the journal: durable, ordered, numbered once, trimmed without a trace."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from sidecar import events
from sidecar.errors import JournalError, NotDurableError
from sidecar.journal import Appended, Entry, JournalReader, JournalWriter, maintenance, pace, schema, writer
from sidecar.journal.insertion import insert_all
from tests.recorded_events import recorded_events
from tests.waiting import until

WAIT = 10.0


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture(name="journal")
def _journal(path: Path) -> Iterator[JournalWriter]:
    journal = JournalWriter(path)
    yield journal
    journal.close()


def append(journal: JournalWriter, *entries: Entry) -> list[Appended]:
    """Appends in one request and waits for the answer."""
    answered = threading.Event()
    answers: list[Any] = []

    def done(answer: Any) -> None:
        answers.append(answer)
        answered.set()

    journal.append(entries, done)
    assert answered.wait(WAIT)
    if isinstance(answers[0], NotDurableError):
        raise answers[0]
    return list(answers[0])


def entries(count: int) -> list[Entry]:
    return [Entry(event.event_id, events.encode(event)) for event in recorded_events(count)]


def test_sequence_numbers_rise_by_one(journal: JournalWriter) -> None:
    """Events get consecutive numbers in the order of their appending, over requests and within one."""
    first = append(journal, *entries(3))
    second = append(journal, *entries(2))

    assert [1, 2, 3, 4, 5] == [appended.seq for appended in first + second]
    assert 5 == journal.last_seq


def test_reader_gives_back_what_was_appended(journal: JournalWriter, path: Path) -> None:
    """What was acknowledged is read back whole, in order, by another connection."""
    expected = recorded_events(205)
    append(journal, *(Entry(event.event_id, events.encode(event)) for event in expected))
    reader = JournalReader(path)

    found = reader.after(0, limit=1000, max_bytes=1 << 30)

    assert expected == [msgspec.structs.replace(event, payload=msgspec.Raw(event.payload)) for event in found]
    reader.close()


def test_reader_bounds_its_batches(journal: JournalWriter, path: Path) -> None:
    """A batch ends at its limit of events or bytes, but always holds at least one event."""
    append(journal, *entries(10))
    reader = JournalReader(path)

    assert [3, 4, 5, 6] == [event.seq for event in reader.after(2, limit=4)]
    assert [3] == [event.seq for event in reader.after(2, limit=4, max_bytes=1)]
    assert [] == reader.after(10, limit=4)
    assert 10 == reader.last_seq()
    reader.close()


def test_a_damaged_row_is_seen_and_blocks_nobody(journal: JournalWriter, path: Path) -> None:
    """A row that is no event any more is given as one without content, under its number and id."""
    append(journal, *entries(1), Entry("damaged", b"{nothing"), *entries(2)[1:])
    reader = JournalReader(path)

    found = reader.after(0, limit=10)

    assert [1, 2, 3] == [event.seq for event in found]
    assert ("damaged", {"content_dropped": {"reason": "journal_damaged"}}) == (
        found[1].event_id, msgspec.json.decode(found[1].payload),
    )  # fmt: skip
    reader.close()


def test_given_id_is_taken_once(journal: JournalWriter, path: Path) -> None:
    """An id that the client gave is known again, also after trimming and a restart."""
    first = append(journal, Entry("mine", b"{}", given=True))
    journal.trim(1)
    journal.close()
    again = JournalWriter(path)

    assert [Appended(1, repeated=False)] == first
    assert [Appended(1, repeated=True)] == append(again, Entry("mine", b"{}", given=True))
    assert [Appended(2, repeated=False)] == append(again, Entry("other", b"{}", given=True))
    again.close()


def test_a_repeat_sets_nothing_back(journal: JournalWriter) -> None:
    """The highest number stays the highest when an old event comes again."""
    append(journal, Entry("mine", b"{}", given=True))
    append(journal, *entries(2))

    assert [Appended(1, repeated=True)] == append(journal, Entry("mine", b"{}", given=True))
    assert 3 == journal.last_seq


def test_given_ids_are_forgotten_after_a_day(journal: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trimming forgets ids that clients gave long ago, so that they do not pile up; those of today stay known."""
    now = time.time()
    monkeypatch.setattr(writer.time, "time", lambda: now - writer.GIVEN_ID_SECONDS - 60)
    append(journal, Entry("old", b"{}", given=True))
    monkeypatch.setattr(writer.time, "time", lambda: now)
    append(journal, Entry("new", b"{}", given=True))
    journal.trim(2)
    wait_for_first(journal.path, None)

    assert [Appended(2, repeated=True)] == append(journal, Entry("new", b"{}", given=True))
    assert [Appended(3, repeated=False)] == append(journal, Entry("old", b"{}", given=True))


def test_trimmed_numbers_are_never_given_again(journal: JournalWriter, path: Path) -> None:
    """Trimming forgets rows up to the given number and no others; their numbers are gone for ever."""
    append(journal, *entries(1200))
    journal.trim(1150)
    wait_for_first(path, 1151)
    journal.close()
    again = JournalWriter(path)

    assert [Appended(1201, repeated=False)] == append(again, Entry("new", b"{}"))
    again.close()


def test_trimming_gives_space_back(path: Path) -> None:
    """A journal that everyone has passed shrinks to next to nothing."""
    journal = JournalWriter(path)
    append(journal, *(Entry(str(number), bytes(4000)) for number in range(2000)))
    journal.trim(2000)
    wait_for_first(path, None)
    journal.close()

    assert path.stat().st_size < 200_000


def test_every_commit_is_synced(path: Path) -> None:
    """A commit is on disk when it returns: the log is written ahead and synced in full."""
    connection = schema.open_for_writing(path)

    assert "wal" == connection.execute("PRAGMA journal_mode").get
    assert 2 == connection.execute("PRAGMA synchronous").get
    assert 1 == connection.execute("PRAGMA auto_vacuum").get or 2 == connection.execute("PRAGMA auto_vacuum").get
    connection.close()


def test_trimming_leaves_commits_synced(journal: JournalWriter, path: Path) -> None:
    """A trim, itself not synced, leaves the connection syncing."""
    append(journal, *entries(5))
    journal.trim(5)
    wait_for_first(path, None)

    assert 2 == journal._connection.execute("PRAGMA synchronous").get


def test_a_clock_set_back_changes_no_order(journal: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour back, numbers still rise and a repeat is still known."""
    append(journal, Entry("mine", b"{}", given=True))
    monkeypatch.setattr(writer.time, "time", lambda: 0.0)

    assert [Appended(2, repeated=False)] == append(journal, Entry("later", b"{}", given=True))
    journal.trim(2)
    assert [Appended(1, repeated=True)] == append(journal, Entry("mine", b"{}", given=True))


def test_at_rest_the_caller_appends(journal: JournalWriter, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a calm moment an event is appended on the caller's thread: it is there when that returns."""
    monkeypatch.setattr(pace, "CALM_NS", 0)
    monkeypatch.setattr(pace, "SLOW_COMMIT_NS", 10**12)
    assert [Appended(1, repeated=False)] == journal.append_now([Entry("one", b"{}")])
    assert [Appended(2, repeated=False)] == append(journal, Entry("two", b"{}"))
    third = until(lambda: journal.append_now([Entry("three", b"{}")]), "the journal's thread rests")
    assert [Appended(3, repeated=False)] == third
    reader = JournalReader(path)
    assert [1, 2, 3] == [event.seq for event in reader.after(0, limit=10)]
    reader.close()
    assert 3 == journal.last_seq


@pytest.mark.parametrize(("what", "value"), [("CALM_NS", 10**12), ("SLOW_COMMIT_NS", 0), ("MAX_NOW_BYTES", 1)])
def test_without_calm_the_caller_does_not_append(
    journal: JournalWriter, monkeypatch: pytest.MonkeyPatch, what: str, value: int
) -> None:
    """Just after a commit, for a while after a slow one, and what is large: that is the journal's own thread's."""
    monkeypatch.setattr(pace, "CALM_NS", 0)
    monkeypatch.setattr(pace, what, value)
    append(journal, *entries(1))

    assert journal.append_now([Entry("later", b"{}")]) is None
    assert [Appended(2, repeated=False)] == append(journal, Entry("later", b"{}"))


def test_the_caller_never_waits_for_the_journal(journal: JournalWriter) -> None:
    """While its thread uses the file, while another process writes it, and when it fails, nothing is taken."""
    with journal._in_use:
        assert journal.append_now([Entry("a", b"{}")]) is None
    other = schema.open_for_writing(journal.path)
    with schema.transaction(other):
        assert journal.append_now([Entry("a", b"{}")]) is None
    other.close()
    journal._connection.execute("PRAGMA query_only=1")
    assert journal.append_now([Entry("a", b"{}")]) is None
    journal._connection.execute("PRAGMA query_only=0")

    assert [Appended(1, repeated=False)] == journal.append_now([Entry("a", b"{}")])


def test_a_slow_disk_holds_the_caller_up_for_a_fiftieth() -> None:
    """The longer a commit took, the longer the caller waits for none; one moment of slowness costs a second."""
    assert pace.CALM_NS == pace.pause_after(pace.SLOW_COMMIT_NS)
    assert pace.WARY_NS == pace.pause_after(pace.SLOW_COMMIT_NS + 1)
    assert [100.0, 1000.0] == [pace.pause_after(seconds * 10**9) / 1e9 for seconds in (2, 20)]


def test_a_commit_that_does_not_end_is_told(journal: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk hangs the journal says so; once it goes on what waited is taken, and nothing is said."""
    monkeypatch.setattr(pace, "STALLED_SECONDS", 0.05)
    going_on = threading.Event()
    monkeypatch.setattr(writer, "insert_all", lambda *given: going_on.wait(WAIT) and insert_all(*given))
    answered = threading.Event()
    journal.append(entries(1), lambda _: answered.set())

    assert "has not taken a commit" in until(lambda: journal.last_error or "", "it is told")
    going_on.set()
    assert answered.wait(WAIT)
    assert (None, 1) == (journal.last_error, journal.last_seq)


def test_the_caller_overtakes_nobody(journal: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """While something waits for the journal's thread the caller does not append: numbers follow the order."""
    monkeypatch.setattr(pace, "CALM_NS", 0)
    answers: list[Any] = []
    with monkeypatch.context() as asleep:
        asleep.setattr(journal, "_wake_up", lambda: None)
        journal.append([Entry("first", b"{}")], answers.append)

        assert journal.append_now([Entry("second", b"{}")]) is None
    journal._wake_up()
    until(lambda: answers, "the first is committed")
    assert [[Appended(1, repeated=False)]] == answers


def test_a_full_queue_refuses(journal: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many bytes wait, an append is refused at once instead of growing the process."""
    monkeypatch.setattr(writer, "MAX_WAITING_BYTES", 10)

    with pytest.raises(NotDurableError):
        append(journal, Entry("big", bytes(11)))


def test_a_failed_commit_is_said_and_taken_back(journal: JournalWriter) -> None:
    """When the file cannot be written no event is acknowledged, the reason is told, and later ones are taken."""
    journal._connection.execute("PRAGMA query_only=1")
    with pytest.raises(NotDurableError):
        append(journal, Entry("lost", b"{}"))
    assert journal.last_error is not None

    journal._connection.execute("PRAGMA query_only=0")
    assert [Appended(1, repeated=False)] == append(journal, Entry("kept", b"{}"))
    assert journal.last_error is None


def test_a_log_that_cannot_be_taken_over_costs_no_answer(
    journal: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long log that a full disk keeps from the file ends neither an append nor the thread that commits."""
    monkeypatch.setattr(maintenance, "WAL_LIMIT_PAGES", 0)
    journal._checkpointer.close()
    monkeypatch.setattr(apsw, "SQLITE_CHECKPOINT_PASSIVE", 99)  # refused, as any other fault of a checkpoint would be
    append(journal, *entries(2))
    journal.trim(1)

    assert [3, 4] == [appended.seq for appended in append(journal, *entries(4)[2:])]


def test_a_reader_finds_back_to_its_file(journal: JournalWriter, path: Path) -> None:
    """A folder in the journal's place is said, and the file is read again once it is back."""
    append(journal, *entries(2))
    reader = JournalReader(path)
    path.rename(path.with_name("away"))
    path.mkdir()
    with pytest.raises(JournalError):
        reader.after(0, limit=10)
    path.rmdir()
    path.with_name("away").rename(path)

    assert [1, 2] == [event.seq for event in reader.after(0, limit=10)]
    reader.close()


def test_closed_journal_refuses(path: Path) -> None:
    """After closing, which may be done twice, nothing is taken."""
    journal = JournalWriter(path)
    journal.close()
    journal.close()

    with pytest.raises(NotDurableError):
        append(journal, Entry("late", b"{}"))
    assert journal.append_now([Entry("late", b"{}")]) is None


def test_a_journal_that_cannot_be_had(tmp_path: Path) -> None:
    """What lies outside the file, such as a missing directory, is an error that names it; nothing is moved."""
    with pytest.raises(JournalError, match="missing"):
        JournalWriter(tmp_path / "missing" / "journal.sqlite")


def test_files_are_private(journal: JournalWriter, path: Path) -> None:
    """Journal, log and index are readable by their owner only."""
    append(journal, *entries(1))

    assert {0o600} == {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


def wait_for_first(path: Path, seq: int | None) -> None:
    """Waits until the journal's lowest row is `seq`."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    pause = threading.Event()
    for _ in range(int(WAIT / 0.01)):
        if connection.execute("SELECT min(seq) FROM journal").get == seq:
            connection.close()
            return
        pause.wait(0.01)
    raise AssertionError("the journal was not trimmed")
