"""Metrics that a backend does not take are told, since no dead letter is kept of a number that comes again."""

from collections.abc import Sequence

import pytest

from exporters import Outcome, Rejection
from sidecar.errors import ExportError
from sidecar.otel.metric_model import Metric, MetricKind, Point
from sidecar.worker.measure.exporter import MetricExporter

METRIC = Metric(name="leanvibe.test", kind=MetricKind.GAUGE, help="A test.", points=(Point((), 1.0),))


class Backend:
    """Answers one thing after the other."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self._outcomes = list(outcomes)
        self.started = 0

    def start(self) -> None:
        """Is there."""
        self.started += 1

    def export(self, batch: Sequence[Metric]) -> Outcome:  # noqa: ARG002  the protocol's
        """Answers."""
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Goes."""


@pytest.mark.parametrize(
    ("outcome", "notice"),
    [
        (Outcome(), ""),
        (Outcome(unnamed=3, reason="too old"), "3 refused: too old"),
        (Outcome(rejected=(Rejection(0, "no id"),)), "1 refused: no id"),
    ],
)
def test_what_a_backend_refuses_is_told(outcome: Outcome, notice: str) -> None:
    """Of a partial success the number and the reason stand in the sink's notice until all is taken again."""
    exporter = MetricExporter(Backend(outcome), lambda: [METRIC], 60.0)

    exporter._export()

    assert (notice, "up", None) == (exporter.state.notice, exporter.state.state, exporter.state.last_error)


def test_a_connection_is_kept_until_it_fails() -> None:
    """The sink is connected before the first export and after a failed one, not each time."""
    backend = Backend(Outcome(), Outcome(), ExportError("away"), Outcome(), Outcome())
    exporter = MetricExporter(backend, lambda: [METRIC], 60.0)
    started = []
    for _ in range(5):
        exporter._export()
        started.append(backend.started)

    assert [1, 1, 1, 2, 2] == started
