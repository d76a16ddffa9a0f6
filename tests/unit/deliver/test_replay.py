"""Laws of replay that hold whatever an exporter does."""

from typing import Any, cast

import pytest

from sidecar.worker.deliver.replay import Replayer, Wanted
from sidecar.worker.store.history import History


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
