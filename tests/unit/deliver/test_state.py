"""What is known of a sink, by whoever asks while its thread goes on."""

import time

import pytest

from sidecar.worker.deliver.state import SinkState


def test_a_sink_that_catches_up_while_it_is_asked_has_a_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread may pass its last event at any moment: the answer is a number of before or after."""
    state = SinkState(name="redis", oldest_at=time.time() - 10)
    now = time.time()

    def passed() -> float:
        state.oldest_at = None
        return now

    monkeypatch.setattr("sidecar.worker.deliver.state.time.time", passed)

    assert state.lag_seconds() >= 10
