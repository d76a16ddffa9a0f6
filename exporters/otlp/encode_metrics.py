"""Metrics → protobuf, as cumulative points: a lost or repeated request changes no number.

Source of the messages: opentelemetry-proto 1.9, metrics/v1/metrics.proto.
"""

import time
from collections.abc import Iterable, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Gauge,
    Histogram,
    HistogramDataPoint,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar as WireExemplar
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as WireMetric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporters.otlp.values import SCOPE, SPAN_ID_BYTES, TRACE_ID_BYTES, fit_time, id_bytes, key_values
from sidecar.otel import semconv
from sidecar.otel.metric_model import Exemplar, Metric, MetricKind, Point


def wire_metric(metric: Metric) -> WireMetric:
    """One metric with all its series, as of now.

    Raises:
        ValueError: an exemplar's id is no id.
    """
    named = WireMetric(name=metric.name, description=metric.help, unit=metric.unit)
    now = time.time_ns()
    if metric.kind is MetricKind.HISTOGRAM:
        histogram = Histogram(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE)
        histogram.data_points.extend(_buckets(metric, point, now) for point in metric.points)
        named.histogram.CopyFrom(histogram)
    elif metric.kind is MetricKind.COUNTER:
        total = Sum(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic=True)
        total.data_points.extend(_number(metric, point, now) for point in metric.points)
        named.sum.CopyFrom(total)
    else:
        named.gauge.CopyFrom(Gauge(data_points=[_number(metric, point, now) for point in metric.points]))
    return named


def request_bytes(groups: Iterable[tuple[Resource, Sequence[WireMetric]]]) -> bytes:
    """A whole request of metrics by resource."""
    request = ExportMetricsServiceRequest(resource_metrics=[_group(*group) for group in groups])
    encoded: bytes = request.SerializeToString(deterministic=True)
    return encoded


def _number(metric: Metric, point: Point, now: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=key_values(_labels(metric, point)),
        start_time_unix_nano=fit_time(metric.since_ns),
        time_unix_nano=now,
        as_double=point.value,
        exemplars=_exemplars(point),
    )


def _buckets(metric: Metric, point: Point, now: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=key_values(_labels(metric, point)),
        start_time_unix_nano=fit_time(metric.since_ns),
        time_unix_nano=now,
        count=sum(point.buckets),
        sum=point.value,
        bucket_counts=point.buckets,
        explicit_bounds=metric.bounds,
        exemplars=_exemplars(point),
    )


def _labels(metric: Metric, point: Point) -> dict[str, str]:
    return {name: value for name, value in zip(metric.labels, point.labels, strict=True) if value}


def _exemplars(point: Point) -> list[WireExemplar]:
    return [_exemplar(one) for one in point.exemplars if one is not None]


def _exemplar(one: Exemplar) -> WireExemplar:
    return WireExemplar(
        time_unix_nano=fit_time(one.at_ns),
        as_double=one.value,
        trace_id=id_bytes(one.trace_id, TRACE_ID_BYTES),
        span_id=id_bytes(one.span_id, SPAN_ID_BYTES),
    )


def _group(resource: Resource, metrics: Sequence[WireMetric]) -> ResourceMetrics:
    scoped = ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url=semconv.SCHEMA_URL)
    return ResourceMetrics(resource=resource, scope_metrics=[scoped], schema_url=semconv.SCHEMA_URL)
