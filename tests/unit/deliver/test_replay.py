"""Laws of replay that hold whatever an exporter does."""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from exporters import Outcome
from sidecar.events import HookEvent
from sidecar.otel.model import Span, SpanStatus
from sidecar.worker.deliver.replay import Replayer, Wanted
from sidecar.worker.store.history import History
from sidecar.worker.store.notebook import DeadLetter, Notes, dead_letter
from sidecar.worker.store.store import Store
from tests.recorded_events import recorded_events

IDS = {"trace_id": "1" * 32, "span_id": "2" * 16, "parent_span_id": None}
SPAN = Span(**IDS, service="claude-code", name="turn", start_ns=1, end_ns=2, status=SpanStatus.UNSET, attributes={})


class Clumsy:
    """An exporter that cannot be released."""

    def start(self) -> None:
        """Is ready."""

    def close(self) -> None:
        """Fails."""
        raise OSError(9, "Bad file descriptor")


class Empty:
    """A history without events."""

    def events_since(self, *_: Any) -> list[Any]:
        """None."""
        return []


def test_a_replay_that_ends_badly_is_over() -> None:
    """An exporter that cannot even be released keeps no later replay to its sink away."""
    replayer = Replayer(cast("History", Empty()), {"redis": cast("Any", Clumsy)}, frozenset())
    for _ in range(2):
        with pytest.raises(OSError, match="Bad file descriptor"):
            replayer.step(Wanted("redis"))


class Taking:
    """An exporter that takes everything."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def start(self) -> None:
        """Is ready."""

    def close(self) -> None:
        """Has nothing to release."""

    def export(self, batch: list[HookEvent]) -> Outcome:
        """Remembers the numbers."""
        self.taken += [event.seq for event in batch]
        return Outcome()


@pytest.mark.parametrize("kept", [9, 3])
def test_a_letter_whose_event_has_left_stays(tmp_path: Path, kept: int) -> None:
    """No other event is sent in its place, and the letter is still there: its content is the last that is left."""
    store, sink, events = Store(tmp_path / "store.duckdb", 128), Taking(), recorded_events(9)
    letters = [dead_letter("redis", events[number - 1], "refused") for number in (5, kept)]
    store.load([events[kept - 1]], Notes(dead_letters=letters))
    step = Replayer(History(store), {"redis": lambda: cast("Any", sink)}, frozenset()).step(
        Wanted("redis", dead_letters=True)
    )

    assert ([kept], 1, 1) == (sink.taken, step.sent, step.refused)
    assert {"redis": 1} == store.dead_letter_counts()
    store.close()


class TakingSpans(Taking):
    """An exporter that takes every span."""

    def export(self, batch: list[Any]) -> Outcome:
        """Remembers how many."""
        self.taken += range(1, len(batch) + 1)
        return Outcome()


def letters_of(sink: str, count: int, payload: str = "{}") -> list[DeadLetter]:
    """Letters of events 1 to `count`, refused one after the other."""
    return [DeadLetter(sink, seq, f"e{seq}", "refused", payload, 10**15 + seq) for seq in range(1, count + 1)]


@pytest.mark.parametrize("times", [1, 0], ids=["at times of their own", "all at once"])
def test_letters_keep_their_names(tmp_path: Path, times: int) -> None:
    """What is sent, forgotten and gone on after is what was read, though rows are numbered anew in between.

    That is what a checkpoint does where rows were deleted.
    """
    store = Store(tmp_path / "store.duckdb", 128)
    history = History(store)
    letters = [one._replace(died_at=10**15 + one.seq * times) for one in letters_of("redis", 600)]
    for start in range(0, 600, 100):
        store.load([], Notes(dead_letters=letters[start : start + 100]))
        store._connection.execute("CHECKPOINT")
    read, after = [], 0
    while found := history.dead_letters("redis", 0, after, 100):
        store.load([], Notes(dead_letters=letters_of("otlp", 10)))
        store._connection.execute("CHECKPOINT")
        history.forget_dead_letters("redis", [letter.key for letter in found if letter.key.seq % 3])
        read += [letter.key.seq for letter in found]
        after = found[-1].key.died_at

    assert list(range(1, 601)) == read
    assert 0 == history.count_dead_letters("redis", 0, after)
    left = store.fetch("SELECT seq FROM dead_letters WHERE sink = 'redis' ORDER BY seq")
    assert [(seq,) for seq in range(3, 601, 3)] == left
    store.close()


def test_large_letters_are_whole_and_cost_no_memory(tmp_path: Path) -> None:
    """More of them than the store may use memory are written, read one step after the other, and forgotten whole."""
    store = Store(tmp_path / "store.duckdb", 32)
    history = History(store)
    payload = '{"tool_name":"Bash","text":"' + "x y " * 250_000 + '"}'
    for letter in letters_of("redis", 60, payload):
        store.load([], Notes(dead_letters=[letter]))
    read, after = [], 0
    while found := history.dead_letters("redis", 0, after, 100):
        read += [letter.payload == payload for letter in found]
        after = found[-1].key.died_at
        history.forget_dead_letters("redis", [letter.key for letter in found])

    assert [True] * 60 == read
    assert [(0,)] == store.fetch("SELECT count(*) FROM dead_letter_parts")
    store.close()


def test_a_letter_of_which_no_span_was_made_holds_up_no_other(tmp_path: Path) -> None:
    """It stays, since nothing can be sent of it; those behind it are sent."""
    store, sink = Store(tmp_path / "store.duckdb", 128), TakingSpans()
    span = msgspec.json.encode(SPAN).decode()
    letters = [*letters_of("otlp", 1, '{"prompt":"hello"}'), *letters_of("otlp", 1, span)]
    store.load([], Notes(dead_letters=[one._replace(died_at=at) for at, one in enumerate(letters, 1)]))
    replayer = Replayer(History(store), {"otlp": lambda: cast("Any", sink)}, frozenset({"otlp"}))
    step = replayer.step(Wanted("otlp", dead_letters=True))

    assert (1, 1, 0, [1]) == (step.sent, step.refused, step.left, sink.taken)
    assert {"otlp": 1} == store.dead_letter_counts()
    store.close()
