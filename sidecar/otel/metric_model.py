"""A metric as plain data, before any wire or text format."""

import enum

import msgspec


class MetricKind(enum.StrEnum):
    """How a metric is read. Counters and histograms are cumulative."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Exemplar(msgspec.Struct, frozen=True):
    """One measurement that leads to its trace; ids in hex, `at_ns` nanoseconds since the epoch."""

    value: float
    trace_id: str
    span_id: str
    at_ns: int


NANOS_PER_MS = 1_000_000


def newest(known: Exemplar | None, one: Exemplar | None) -> Exemplar | None:
    """The exemplar that a series shows after another measurement: its time only goes forward.

    Prometheus counts in milliseconds and refuses what is not later than the last, with a warning at each scrape.
    """
    if known is None or one is None:
        return one or known
    return one if one.at_ns // NANOS_PER_MS > known.at_ns // NANOS_PER_MS else known


class Point(msgspec.Struct, frozen=True):
    """One series.

    `labels` are the values of the metric's labels, in their order; an empty one is absent. `value` is a count,
    a level, or the sum of what a histogram saw; `buckets` how many fell into each of its buckets, the last
    being those over the highest bound; `exemplars` the newest of each bucket, or of the counter.
    """

    labels: tuple[str, ...]
    value: float
    buckets: tuple[int, ...] = ()
    exemplars: tuple[Exemplar | None, ...] = ()


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """All series of one metric.

    `name` and `labels` are spelled as OpenTelemetry does, with dots. `unit` is UCUM (`s`, `By`, `{call}`), empty
    where the name says it. `since_ns` is when a cumulative metric began, in nanoseconds since the epoch.
    """

    name: str
    kind: MetricKind
    unit: str = ""
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    since_ns: int = 0
    points: tuple[Point, ...] = ()
    service: str = "leanvibe-sidecar"
    """Who measured: `service.name` of the resource. Which agent it is about is a label."""


_UNITS = {"s": "_seconds", "By": "_bytes"}


def prometheus_name(metric: Metric) -> str:
    """The name of the metric's family in Prometheus, without a counter's `_total`.

    Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, so that a metric has the
    same name whether it is scraped here or comes through a Collector.
    """
    name = label_name(metric.name)
    unit = _UNITS.get(metric.unit, "")
    return name if name.endswith(unit) else name + unit


def label_name(attribute: str) -> str:
    """An attribute's name as a label's."""
    return attribute.replace(".", "_")
