"""Laws of replay that hold whatever an exporter does."""

from pathlib import Path
from typing import Any, cast

import pytest

from exporters import Outcome
from sidecar.events import HookEvent
from sidecar.worker.deliver.replay import Replayer, Wanted
from sidecar.worker.store.history import History
from sidecar.worker.store.notebook import Notes, dead_letter
from sidecar.worker.store.store import Store
from tests.recorded_events import recorded_events


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
