"""Metrics as Prometheus text or OpenMetrics."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Exemplar as ShownExemplar
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder

from sidecar.otel.metric_model import Exemplar, Metric, MetricKind, Point, label_name, prometheus_name


def exposition(metrics: Iterable[Metric], accept: str) -> tuple[bytes, str]:
    """`(body, content type)` in the format that the Accept header asks for; exemplars only in OpenMetrics."""
    encoder, content_type = choose_encoder(accept)
    return encoder(_Scrape(metrics)), content_type


class _Scrape:
    """What the encoders take for a registry: one scrape's families."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        """Every family."""
        return (
            _FAMILIES[one.kind](one, prometheus_name(one), list(map(label_name, one.labels))) for one in self._metrics
        )


def _counter(metric: Metric, name: str, labels: list[str]) -> Family:
    family = CounterMetricFamily(name, metric.help, labels=labels)
    for point in metric.points:
        family.add_metric(point.labels, point.value, exemplar=_shown(*point.exemplars[:1]))
    return family


def _gauge(metric: Metric, name: str, labels: list[str]) -> Family:
    family = GaugeMetricFamily(name, metric.help, labels=labels)
    for point in metric.points:
        family.add_metric(point.labels, point.value)
    return family


def _histogram(metric: Metric, name: str, labels: list[str]) -> Family:
    family = HistogramMetricFamily(name, metric.help, labels=labels)
    for point in metric.points:
        family.add_metric(point.labels, _buckets(metric, point), point.value)
    return family


def _buckets(metric: Metric, point: Point) -> list[Any]:
    bounds = [*map(str, metric.bounds), "+Inf"]
    exemplars = point.exemplars or (None,) * len(bounds)
    rows = zip(bounds, accumulate(point.buckets), exemplars, strict=True)
    return [(bound, count, _shown(exemplar)) if exemplar else (bound, count) for bound, count, exemplar in rows]


def _shown(exemplar: Exemplar | None = None) -> ShownExemplar | None:
    if exemplar is None:
        return None
    ids = {"trace_id": exemplar.trace_id, "span_id": exemplar.span_id}
    return ShownExemplar(ids, exemplar.value, exemplar.at_ns / 1e9)


_FAMILIES: dict[MetricKind, Callable[[Metric, str, list[str]], Family]] = {
    MetricKind.COUNTER: _counter,
    MetricKind.GAUGE: _gauge,
    MetricKind.HISTOGRAM: _histogram,
}
