"""How long a stopping worker waits for its sinks."""

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import pytest

from sidecar.worker import main
from sidecar.worker.store.loader import Loader
from sidecar.worker.store.store import Store


class Hanging:
    """A sink's delivery that waits for an answer that does not come."""

    def __init__(self) -> None:
        self.waited = 0.0

    def stop(self, _: float) -> None:
        """Is told."""

    def join(self, seconds: float) -> None:
        """Waits as long as it may."""
        self.waited = seconds
        time.sleep(seconds)


class Closing:
    """A loader or store."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self, *_: Any) -> None:
        """Is closed."""
        self.closed.set()


@pytest.mark.parametrize("count", [1, 4])
def test_all_sinks_have_the_same_seconds(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """However many hang: one after the other they would use up the time in which the store is closed."""
    monkeypatch.setattr(main, "FLUSH_SECONDS", 0.05)
    sinks: Sequence[Hanging] = [Hanging() for _ in range(count)]
    loader, store = Closing(), Closing()

    main._stop(cast("Any", dict(enumerate(sinks))), cast("Loader", loader), cast("Store", store))

    assert sum(sink.waited for sink in sinks) <= main.FLUSH_SECONDS
    assert (True, True) == (loader.closed.is_set(), store.closed.is_set())
