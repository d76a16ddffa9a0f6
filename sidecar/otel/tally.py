"""Absolute numbers, kept from changes; bounded in how many series they grow."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping

from sidecar.otel.changes import Change
from sidecar.otel.instruments import INSTRUMENTS, NAMES_OF_AGENTS, NAMES_OF_TOOLS, Instrument
from sidecar.otel.metric_model import Metric, MetricKind, Point, newest

MAX_NAMES = 100
"""Tools, and agents, that get series of their own; all others share one called `other`."""

OTHER = "other"

Series = tuple[str, tuple[str, ...]]
"""The name of an instrument and the values of its labels."""

Numbers = Mapping[Series, Point]


class Tally:
    """The newest numbers of every series.

    Args:
        known: what was counted before; its names keep their series.
    """

    def __init__(self, known: Numbers) -> None:
        self._points: dict[Series, Point] = {}
        self._changed: set[Series] = set()
        self._names: dict[str, set[str]] = defaultdict(set)
        for (name, labels), point in known.items():
            if name in INSTRUMENTS and len(labels) == len(INSTRUMENTS[name].labels):
                self._points[name, labels] = point
                self._bounded(INSTRUMENTS[name], labels)

    def apply(self, changes: Iterable[Change]) -> None:
        """Counts changes."""
        for change in changes:
            series = change.instrument.name, self._bounded(change.instrument, change.labels)
            self._points[series] = changed(self._points.get(series), change, series[1])
            self._changed.add(series)

    def changed(self) -> dict[Series, Point]:
        """The series that changed since `settle`, with their absolute numbers."""
        return {series: self._points[series] for series in self._changed}

    def settle(self, written: Numbers) -> None:
        """Says that these numbers are safely written."""
        self._changed = {one for one in self._changed if self._points[one] is not written.get(one)}

    def _bounded(self, instrument: Instrument, labels: tuple[str, ...]) -> tuple[str, ...]:
        pairs = zip(instrument.labels, labels, strict=True)
        return tuple(self._bounded_name(label, value) for label, value in pairs)

    def _bounded_name(self, label: str, value: str) -> str:
        group = "tool" if label in NAMES_OF_TOOLS else "agent" if label in NAMES_OF_AGENTS else ""
        if not group or not value or value == OTHER:  # what a restart finds as one may not take a name's place
            return value
        names = self._names[group]
        if value not in names and len(names) >= MAX_NAMES:
            return OTHER
        names.add(value)
        return value


def changed(point: Point | None, change: Change, labels: tuple[str, ...]) -> Point:
    """The numbers of a series after one change."""
    bounds = change.instrument.bounds
    size = len(bounds) + 1 if bounds else 0
    if point is None or len(point.buckets) != size:
        point = Point(labels, 0.0, (0,) * size)
    place = bisect_left(bounds, change.value) if bounds else 0
    exemplars = list(point.exemplars or (None,) * max(size, 1))
    exemplars[place] = newest(exemplars[place], change.exemplar)
    buckets = list(point.buckets)
    if bounds:
        buckets[place] += 1
    return Point(labels, point.value + change.value, tuple(buckets), tuple(exemplars))


def metrics_of(numbers: Numbers, since_ns: int) -> list[Metric]:
    """Every metric that is counted, with its series in the order of their labels.

    Args:
        numbers: by series.
        since_ns: when counting began, in nanoseconds since the epoch.
    """
    points: dict[str, list[Point]] = defaultdict(list)
    for (name, _), point in sorted(numbers.items(), key=lambda item: item[0]):
        points[name].append(point)
    return [
        Metric(
            name=one.name,
            kind=MetricKind.HISTOGRAM if one.bounds else MetricKind.COUNTER,
            unit=one.unit,
            help=one.help,
            labels=one.labels,
            bounds=one.bounds,
            since_ns=since_ns,
            points=tuple(points[one.name]),
        )
        for one in INSTRUMENTS.values()
    ]
