"""Metrics over OTLP against a real receiver."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from exporters import Outcome
from exporters.otlp import Identity, OtlpConfig, OtlpExporter, Signal
from sidecar.otel.metric_model import Exemplar, Metric, MetricKind, Point
from sidecar.worker.measure.exporter import MetricExporter, interval_of
from tests.otlp_receiver import Answer, OtlpReceiver
from tests.waiting import until

IDENTITY = Identity("11111111-2222-3333-4444-555555555555", "test-host", "amd64", "linux")
CUMULATIVE = 2
EXEMPLAR = Exemplar(0.5, "1" * 32, "2" * 16, 9)
METRICS = [
    Metric(
        name="gen_ai.execute_tool.duration",
        kind=MetricKind.HISTOGRAM,
        unit="s",
        help="",
        labels=("gen_ai.tool.name", "error.type"),
        bounds=(0.1, 1.0),
        since_ns=7,
        points=(Point(("Bash", ""), 2.5, (1, 2, 0), (None, EXEMPLAR, None)),),
    ),
    Metric(
        name="leanvibe.turns",
        kind=MetricKind.COUNTER,
        unit="{turn}",
        help="",
        labels=("outcome",),
        since_ns=7,
        points=(Point(("completed",), 3.0), Point(("denied",), 1.0)),
    ),
    Metric(name="leanvibe.lag", kind=MetricKind.GAUGE, unit="s", help="", points=(Point((), 0.25),)),
]


@pytest.fixture
def sink(receiver: OtlpReceiver) -> Iterator[OtlpExporter]:
    running = OtlpExporter(OtlpConfig(endpoint=f"{receiver.url}/v1/metrics", signal=Signal.METRICS), IDENTITY)
    running.start()
    yield running
    running.close()


def test_numbers_arrive(receiver: OtlpReceiver, sink: OtlpExporter) -> None:
    """Kinds, units, buckets, labels, start and exemplars are what the backend decodes; absent labels are absent."""
    assert Outcome() == sink.export(METRICS)
    duration, turns, lag = (receiver.metrics[metric.name] for metric in METRICS)
    assert ("histogram", "s", CUMULATIVE, (0.1, 1.0)) == (
        duration.kind,
        duration.unit,
        duration.temporality,
        duration.bounds,
    )
    bash = duration.points[(("gen_ai.tool.name", "Bash"),)]
    assert (2.5, (1, 2, 0), 7, (("1" * 32, "2" * 16),)) == (bash.value, bash.buckets, bash.since_ns, bash.exemplars)
    assert {"completed": 3.0, "denied": 1.0} == {labels[0][1]: one.value for labels, one in turns.points.items()}
    assert ("gauge", 0.25) == (lag.kind, lag.points[()].value)
    assert "leanvibe-sidecar" == lag.resource["service.name"]


def test_export_goes_on_after_a_failure(receiver: OtlpReceiver, sink: OtlpExporter) -> None:
    """An attempt that fails is said and loses nothing: the next one carries the same totals."""
    receiver.answer(Answer(status=503))
    exporter = MetricExporter(sink, lambda: METRICS[1:2], 0.05)
    exporter.front = METRICS[2:]
    exporter.start()
    until(lambda: len(receiver.requests) >= 2, "a second attempt")
    exporter.close(5.0)
    assert {"leanvibe.turns", "leanvibe.lag"} == set(receiver.metrics)
    assert (1, "up") == (exporter.state.retries, exporter.state.state)


def test_a_fault_of_ours_ends_no_export(receiver: OtlpReceiver, sink: OtlpExporter) -> None:
    """Counting that fails as it never should is said, without a word of any event, and the next time is tried."""
    found: Iterator[Sequence[Metric]] = iter([METRICS])

    def gather() -> Sequence[Metric]:
        said.append(exporter.state.last_error)
        return next(found) if len(said) > 1 else _raise(KeyError("secret"))

    said: list[str | None] = []
    exporter = MetricExporter(sink, gather, 0.05)
    exporter.start()
    until(lambda: receiver.metrics, "an export after the fault")
    exporter.close(5.0)
    assert [None, "unexpected KeyError"] == said[:2]


def _raise(error: Exception) -> Any:
    raise error


def test_the_last_numbers_leave_when_it_stops(receiver: OtlpReceiver, sink: OtlpExporter) -> None:
    """Stopping exports once more, however long the interval."""
    exporter = MetricExporter(sink, lambda: METRICS, 3600.0)
    exporter.start()
    exporter.close(5.0)
    assert 3 == len(receiver.metrics)


@pytest.mark.parametrize(
    ("given", "seconds"), [("1500", 1.5), ("", 60.0), ("soon", 60.0), ("-1", 60.0), ("inf", 60.0)]
)
def test_the_interval(given: str, seconds: float) -> None:
    """The standard variable gives milliseconds; what is no time is the default."""
    assert seconds == interval_of({"OTEL_METRIC_EXPORT_INTERVAL": given})
