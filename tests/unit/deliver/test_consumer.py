"""Laws of delivery: at least once, in order, one poison record never in the way, a cursor behind what was taken."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters import Outcome, Rejection
from sidecar import events
from sidecar.errors import PermanentExportError, TransientExportError
from sidecar.events import HookEvent
from sidecar.journal import Entry, JournalReader, JournalWriter
from sidecar.worker.deliver import consumer as module
from sidecar.worker.deliver.consumer import EventStreamProcessor
from sidecar.worker.deliver.stage import EventStage
from sidecar.worker.deliver.state import SinkState
from sidecar.worker.store.notebook import Notebook
from tests.recorded_events import recorded_events
from tests.waiting import until

WAIT = 10.0
Behaviour = Callable[[Sequence[HookEvent]], Outcome]


class MemorySink:
    """A sink that keeps what it takes, and behaves as it is told."""

    def __init__(self, behaviour: Behaviour = lambda batch: Outcome()) -> None:
        self.taken: list[int] = []
        self.batches: list[int] = []
        self.behaviour = behaviour
        self.failures = 0
        self.closed = 0

    def start(self) -> None:
        """Fails as often as it was told to."""
        if self.failures:
            self.failures -= 1
            raise TransientExportError("not there yet", retry_after=0.0)

    def export(self, batch: Sequence[HookEvent]) -> Outcome:
        """Takes a batch, but for what its behaviour rejects."""
        outcome = self.behaviour(batch)
        refused = {rejection.index for rejection in outcome.rejected}
        self.batches.append(len(batch))
        self.taken += [event.seq for index, event in enumerate(batch) if index not in refused]
        return outcome

    def close(self) -> None:
        """Counts."""
        self.closed += 1


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "journal.sqlite"
    journal = JournalWriter(path)
    done = threading.Event()
    journal.append([Entry(e.event_id, events.encode(e)) for e in recorded_events(100)], lambda _: done.set())
    assert done.wait(WAIT)
    yield path
    journal.close()


class Delivery:
    """One consumer over the journal, with what it notes."""

    def __init__(self, path: Path, sink: MemorySink, batch_size: int = 30) -> None:
        self.notebook = Notebook()
        reader = JournalReader(path)
        self.consumer = EventStreamProcessor("memory", sink, EventStage(), reader, self.notebook, batch_size)

    def run(self, cursor: int = 0, until: int = 100) -> "Delivery":
        """Delivers until the sink has passed `until`, then stops."""
        self.consumer.start(cursor, None, lambda traces, seq: ([], []))
        deadline = time.monotonic() + WAIT
        while self.consumer.state.seq < until and time.monotonic() < deadline:
            time.sleep(0.005)
        self.consumer.stop(1.0)
        self.consumer.join(WAIT)
        return self


def test_everything_arrives_in_order(path: Path) -> None:
    """A sink gets every event once, in journal order, in bounded batches, and the cursor stands behind the last."""
    sink = MemorySink()
    delivery = Delivery(path, sink).run()

    assert list(range(1, 101)) == sink.taken
    assert [30, 30, 30, 10] == sink.batches
    assert {"memory": (100, None)} == delivery.notebook.take().cursors
    assert 1 == sink.closed


class Rests(threading.Event):
    """Notes how long it is waited for, and waits for none of it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Says whether it is set."""
        self.seconds.append(timeout or 0.0)
        return super().wait(0.001)


def rests_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What a sink rests after its four batches of up to 30 events, each of which took a millisecond of CPU."""
    readings = iter(range(1_000_000))
    monkeypatch.setattr(time, "thread_time", lambda: next(readings) / 1000)
    delivery = Delivery(path, MemorySink())
    delivery.consumer._stop = rests = Rests()
    delivery.run()
    return rests.seconds[:4]


def test_a_sink_that_catches_up_rests_longer_than_it_worked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While events come in, each batch leaves the CPU to others for several times what it took of it."""
    assert [pytest.approx(0.001 * module.SHARE)] * 2 == rests_of(path, monkeypatch)[:2]


def test_a_sink_that_has_caught_up_gathers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less than a batch left to come, the next one is not begun at once."""
    assert [module.REST_SECONDS] * 2 == rests_of(path, monkeypatch)[2:]


def test_a_sink_that_catches_up_in_quiet_takes_the_machine(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing comes in there is nobody to rest for."""
    monkeypatch.setattr("sidecar.worker.traffic.QUIET_SECONDS", -1.0)

    assert [0.0, 0.0] == rests_of(path, monkeypatch)[:2]


def test_a_sink_at_work_is_not_closed_under_it(path: Path) -> None:
    """A batch that is still being pushed when the time of a stop is over is refused by nobody: it comes again."""
    reached, may_answer = threading.Event(), threading.Event()
    sink = MemorySink()

    def slow(_: Sequence[HookEvent]) -> Outcome:
        reached.set()
        assert may_answer.wait(WAIT)
        if sink.closed:
            raise PermanentExportError("closed")
        return Outcome()

    sink.behaviour = slow
    delivery = Delivery(path, sink)
    delivery.consumer.start(0, None, lambda traces, seq: ([], []))
    assert reached.wait(WAIT)
    delivery.consumer.stop(0.0)
    delivery.consumer.join(0.0)
    may_answer.set()
    delivery.consumer._thread.join(WAIT)

    assert 0 == sink.closed
    assert [] == list(delivery.notebook.take().dead_letters)


def test_goes_on_after_its_cursor(path: Path) -> None:
    """What was passed before is not sent again."""
    sink = MemorySink()
    Delivery(path, sink).run(cursor=95)

    assert [96, 97, 98, 99, 100] == sink.taken


def test_a_sink_that_is_away_is_asked_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that cannot be started, or fails for a while, loses nothing and is seen to retry."""
    monkeypatch.setattr(module, "delay", lambda *_: 0.0)
    failures = iter([TransientExportError("busy", retry_after=0.0)] * 3)

    def behaviour(batch: Sequence[HookEvent]) -> Outcome:
        if (error := next(failures, None)) is not None:
            raise error
        return Outcome()

    sink = MemorySink(behaviour)
    sink.failures = 2
    delivery = Delivery(path, sink).run()

    assert list(range(1, 101)) == sink.taken
    assert (5, "up", None) == (
        delivery.consumer.state.retries, delivery.consumer.state.state, delivery.consumer.state.last_error,
    )  # fmt: skip


def test_a_sink_that_never_started_says_how_old_its_work_is(path: Path) -> None:
    """The age of what waits is known before the sink has read anything, and forgotten when it has passed all."""
    seen: list[float | None] = []
    delivery: Delivery

    class Late(MemorySink):
        def start(self) -> None:
            """Notes what is known at each attempt; the third works."""
            seen.append(delivery.consumer.state.oldest_at)
            super().start()

    sink = Late()
    sink.failures = 2
    delivery = Delivery(path, sink)
    first = recorded_events(1)[0].received_at / 1e6
    delivery.run()

    assert [None, first, first] == seen


def test_a_rejected_record_is_a_dead_letter(path: Path) -> None:
    """What the sink rejects by name is kept with its reason and payload; everything else was taken."""

    def behaviour(batch: Sequence[HookEvent]) -> Outcome:
        return Outcome(tuple(Rejection(i, "too odd") for i, event in enumerate(batch) if event.seq == 42))

    sink = MemorySink(behaviour)
    delivery = Delivery(path, sink).run()
    notes = delivery.notebook.take()

    assert [seq for seq in range(1, 101) if seq != 42] == sink.taken
    assert [("memory", 42, "too odd")] == [(one.sink, one.seq, one.reason) for one in notes.dead_letters]
    assert bytes(recorded_events(42)[41].payload).decode() == notes.dead_letters[0].payload
    assert 100 == notes.cursors["memory"][0]


def test_one_poison_record_never_blocks_the_rest(path: Path) -> None:
    """A batch that is refused as a whole is divided until only what the sink cannot take is left out."""

    def behaviour(batch: Sequence[HookEvent]) -> Outcome:
        if any(event.seq in {7, 77} for event in batch):
            raise PermanentExportError("poison")
        return Outcome()

    sink = MemorySink(behaviour)
    delivery = Delivery(path, sink).run()
    notes = delivery.notebook.take()

    assert [seq for seq in range(1, 101) if seq not in {7, 77}] == sorted(sink.taken)
    assert [7, 77] == [one.seq for one in notes.dead_letters]
    assert (98, 2) == (delivery.consumer.state.delivered, delivery.consumer.state.dead_letters)


def test_a_mistake_of_ours_ends_no_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter that fails as none should is asked again; what brings it out each time becomes a dead letter."""
    monkeypatch.setattr(module, "delay", lambda *_: 0.0)

    def behaviour(batch: Sequence[HookEvent]) -> Outcome:
        if any(event.seq == 7 for event in batch):
            raise KeyError("a secret of the event")
        return Outcome()

    sink = MemorySink(behaviour)
    delivery = Delivery(path, sink).run()
    letters = delivery.notebook.take().dead_letters

    assert [seq for seq in range(1, 101) if seq != 7] == sorted(sink.taken)
    assert [(7, "unexpected KeyError")] == [(one.seq, one.reason) for one in letters]


def test_what_lies_in_the_system_is_tried_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files, or too little memory, is no fault of a batch: it waits, and nothing is given up."""
    monkeypatch.setattr(module, "delay", lambda *_: 0.0)
    failures = iter([OSError(24, "Too many open files"), MemoryError()] * 4)

    def behaviour(batch: Sequence[HookEvent]) -> Outcome:
        if (error := next(failures, None)) is not None:
            raise error
        return Outcome()

    sink = MemorySink(behaviour)
    delivery = Delivery(path, sink).run()

    assert list(range(1, 101)) == sink.taken
    assert [] == delivery.notebook.take().dead_letters


def test_a_sink_that_came_back_is_up_without_an_event(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it starts after failures, it is said to be up, although there is nothing to deliver."""
    monkeypatch.setattr(module, "delay", lambda *_: 0.0)
    sink = MemorySink()
    sink.failures = 2
    delivery = Delivery(path, sink)
    delivery.consumer.start(100, None, lambda *_: ([], []))
    until(lambda: delivery.consumer.state.state == "up", "it is up")
    delivery.consumer.stop(WAIT)
    delivery.consumer.join(WAIT)

    state = delivery.consumer.state
    assert (2, None, None, []) == (state.retries, state.last_error, state.next_attempt_at, sink.taken)


def test_what_cannot_be_mapped_was_not_delivered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of what was delivered never fall: an event that makes no item is a dead letter and nothing else."""

    def feed(_: EventStage, batch: Sequence[HookEvent]) -> list[HookEvent]:
        if batch and batch[0].seq > 1:
            raise KeyError("odd")
        return list(batch)

    monkeypatch.setattr(EventStage, "feed", feed)
    state = Delivery(path, MemorySink()).run().consumer.state

    assert (1, 99) == (state.delivered, state.dead_letters)


@pytest.mark.parametrize("partly", [{"skipped": 30}, {"skipped": 7}, {"unnamed": 5, "reason": "quota"}])
def test_the_number_of_delivered_never_falls(
    path: Path, monkeypatch: pytest.MonkeyPatch, partly: dict[str, Any]
) -> None:
    """Nor for a moment, while a sink that takes a part of a batch is counted: a counter that falls is a reset."""
    seen: list[int] = []
    succeeded = SinkState.succeeded

    def noted(state: SinkState, seq: int, delivered: int, dead: int) -> None:
        seen.append(state.delivered)
        succeeded(state, seq, delivered, dead)
        seen.append(state.delivered)

    monkeypatch.setattr(SinkState, "succeeded", noted)
    answers = iter([Outcome(), Outcome(**partly)])
    state = Delivery(path, MemorySink(lambda batch: next(answers, Outcome()))).run().consumer.state

    assert sorted(seen) == seen
    assert 100 - sum(value for value in partly.values() if isinstance(value, int)) == state.delivered


def test_a_start_that_fails_oddly_is_tried_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the sink's start nor reading what was open has a batch at fault: no number of failures ends them."""
    monkeypatch.setattr(module, "delay", lambda *_: 0.0)
    odd: list[Exception] = [UnicodeError("label too long")] * 5

    class Odd(MemorySink):
        def start(self) -> None:
            """Fails in a way that no sink should."""
            if odd:
                raise odd.pop()

    delivery = Delivery(path, sink := Odd())
    torn = [ValueError()] * 5
    monkeypatch.setattr(delivery.consumer, "_restore", lambda: _raise(torn.pop()) if torn else True)
    delivery.run()

    assert list(range(1, 101)) == sink.taken
    assert 10 == delivery.consumer.state.retries


def test_events_that_cannot_be_read_now_are_read_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keeps a batch from being read, such as memory that a query took, is told and tried again."""
    monkeypatch.setattr(module, "REST_SECONDS", 0.001)
    delivery = Delivery(path, sink := MemorySink())
    reader, errors = delivery.consumer._reader, [MemoryError(), ValueError("secret")]
    after = reader.after
    told: list[str | None] = []

    def failing(seq: int, *, limit: int) -> list[HookEvent]:
        told.append(delivery.consumer.state.last_error)
        return _raise(errors.pop()) if errors else after(seq, limit=limit)

    monkeypatch.setattr(reader, "after", failing)
    delivery.run()

    assert list(range(1, 101)) == sink.taken
    assert [None, "unexpected ValueError", "unexpected MemoryError"] == told[:3]


def _raise(error: Exception) -> Any:
    raise error


def test_want_of_memory_makes_no_dead_letter(path: Path) -> None:
    """No event is given up for it: the delivery goes no further, so that the worker begins from the cursor."""
    delivery = Delivery(path, MemorySink())
    delivery.consumer._stage.feed = lambda events: _raise(MemoryError())  # type: ignore[method-assign]

    with pytest.raises(MemoryError):
        delivery.consumer._step()

    assert (0, []) == (delivery.consumer.state.seq, delivery.notebook.take().dead_letters)


def test_an_event_that_cannot_be_mapped_stops_no_other(path: Path) -> None:
    """One that the stage fails on becomes a dead letter; all others pass."""

    class Picky(EventStage):
        def feed(self, events: Sequence[HookEvent]) -> list[HookEvent]:
            """Fails on one."""
            if any(event.seq == 9 for event in events):
                raise RecursionError
            return list(events)

    sink = MemorySink()
    delivery = Delivery(path, sink)
    delivery.consumer._stage = Picky()
    letters = delivery.run().notebook.take().dead_letters

    assert [seq for seq in range(1, 101) if seq != 9] == sink.taken
    assert [(9, "cannot be mapped (RecursionError)")] == [(one.seq, one.reason) for one in letters]


def test_an_unnamed_rejection_keeps_the_batch(path: Path) -> None:
    """When the sink says how many it refused but not which, the whole batch is kept with what it said."""
    answers = iter([Outcome(unnamed=3, reason="quota")])
    delivery = Delivery(path, MemorySink(lambda batch: next(answers, Outcome()))).run()
    letters = delivery.notebook.take().dead_letters

    assert ["3 of 30 refused, not said which: quota"] == [letter.reason for letter in letters]
    assert 30 == len(msgspec.json.decode(letters[0].payload))


def test_stopping_does_not_wait_for_a_sink_that_is_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer whose sink is away ends when told to, its cursor unmoved."""
    monkeypatch.setattr(module, "delay", lambda *_: 3600.0)

    def behaviour(batch: Sequence[HookEvent]) -> Outcome:
        raise TransientExportError("away")

    delivery = Delivery(path, MemorySink(behaviour))
    delivery.consumer.start(0, None, lambda traces, seq: ([], []))
    deadline = time.monotonic() + WAIT
    while delivery.consumer.state.retries == 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    delivery.consumer.stop(0.1)
    delivery.consumer.join(WAIT)

    assert not delivery.consumer._thread.is_alive()
    assert ("retrying", "away", 0) == (
        delivery.consumer.state.state, delivery.consumer.state.last_error, delivery.consumer.state.seq,
    )  # fmt: skip
    assert {} == delivery.notebook.take().cursors
