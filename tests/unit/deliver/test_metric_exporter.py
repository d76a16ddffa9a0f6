"""Metrics that a backend does not take are told, since no dead letter is kept of a number that comes again."""

from collections.abc import Sequence

import pytest

from exporters import Outcome, Rejection
from sidecar.otel.metric_model import Metric, MetricKind, Point
from sidecar.worker.measure.exporter import MetricExporter

METRIC = Metric(name="leanvibe.test", kind=MetricKind.GAUGE, help="A test.", points=(Point((), 1.0),))


class Backend:
    """Answers one thing."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def start(self) -> None:
        """Is there."""

    def export(self, batch: Sequence[Metric]) -> Outcome:  # noqa: ARG002  the protocol's
        """Answers."""
        return self._outcome

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
