"""The sidecar's own metrics: pure functions of what its parts say. No label is ever a session, path or id.

Counters of this process begin at zero with it: a number that a crash could set back would read as a reset in
Prometheus, which then counts all of it anew. What agents do is counted in the worker, and lasts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sidecar.front.footprint import Footprint
from sidecar.front.monitor import BUCKETS, Performance, Totals
from sidecar.front.stages import BOUNDS, StageTotal
from sidecar.otel.metric_model import Metric, MetricKind, Point

NOTHING_YET = dict.fromkeys(
    ("content_over_size_limit", "content_of_spooled_event", "spooled_event_unusable", "hooks_disabled"), 0
)
"""What the front leaves out, shown before the first time: in a series that begins at 1 an alert sees no increase."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the metrics are made of, at `now`, all times in seconds since the epoch.

    `progress` is the worker's, None when it does not answer; `last_seq` the last durable event; `since` when
    this process began.
    """

    now: float
    since: float
    performance: Performance
    totals: Totals
    last_seq: int
    progress: dict[str, Any] | None
    worker_starts: int
    live_clients: int
    footprint: Footprint
    stages: tuple[StageTotal, ...] = ()
    connections: int = 0
    turned_away: Mapping[str, int] = {}
    task_failures: Mapping[str, int] = {}
    journal_lost: int = 0
    """Events of a damaged journal that could not be read."""


def own_metrics(facts: Facts) -> list[Metric]:
    """Every metric of the sidecar itself; those of delivery only while the worker answers."""
    since_ns = int(facts.since * 1e9)
    metrics = [*_processing(facts), *_losses(facts), *_host(facts), *_delivery(facts)]
    return [
        one if one.kind is MetricKind.GAUGE or one.since_ns else msgspec.structs.replace(one, since_ns=since_ns)
        for one in metrics
    ]


def _processing(facts: Facts) -> Iterator[Metric]:
    totals, performance = facts.totals, facts.performance
    yield _counter(
        "leanvibe.events.processed",
        "Events acknowledged as durable.",
        [(agent, event_type.value, count) for (agent, event_type), count in totals.processed.items()],
        ("agent", "event_type"),
    )
    yield _counter("leanvibe.events.failed", "Events that could not be taken.", [(totals.failed,)])
    yield Metric(
        name="leanvibe.processing.duration",
        kind=MetricKind.HISTOGRAM,
        unit="s",
        help="From receipt to durable.",
        bounds=BUCKETS,
        points=(Point((), totals.duration_seconds, tuple(totals.buckets), tuple(totals.exemplars)),),
    )
    yield Metric(
        name="leanvibe.processing.stage.duration",
        kind=MetricKind.HISTOGRAM,
        unit="s",
        help="Where the time of an event goes, batches left out.",
        labels=("stage",),
        bounds=BOUNDS,
        points=tuple(Point((one.stage,), one.seconds, one.buckets) for one in facts.stages),
    )
    average = "Mean processing time of the last minute in milliseconds."
    yield _gauge("leanvibe.avg_processing_time_ms", average, [(performance.avg_processing_time_ms,)])
    failed = round(1 - performance.success_rate, 5)
    yield _gauge("leanvibe.error_rate", "Share of the last minute's events that could not be processed.", [(failed,)])
    yield _gauge(
        "leanvibe.events_per_second", "Events of the last minute per second.", [(performance.events_per_second,)]
    )


def _losses(facts: Facts) -> Iterator[Metric]:
    totals, progress = facts.totals, facts.progress or {}
    skipped = {"not_taken_by_backend": sum(sink["skipped"] for sink in progress.get("sinks", ()))}
    dropped = {
        **NOTHING_YET,
        "journal_damaged": facts.journal_lost,
        **totals.dropped,
        **progress.get("dropped", {}),
        **skipped,
    }
    yield _counter("leanvibe.dropped", "What was left out, by reason.", dropped.items(), ("reason",))
    yield _counter("leanvibe.redactions", "Replacements, by rule.", totals.redactions.items(), ("rule",))
    leaked = "Secrets of known vendors that went through and were redacted."
    yield _counter("leanvibe.secret.leaks", leaked, totals.leaks.items(), ("kind",))
    yield _counter(
        "leanvibe.redaction.failures",
        "Events whose content was dropped because redaction could not finish.",
        [(totals.redaction_failures,)],
    )


def _host(facts: Facts) -> Iterator[Metric]:
    foot = facts.footprint
    yield _gauge("leanvibe.journal.size", "Files of the journal.", [(foot.journal_bytes,)], unit="By")
    yield _gauge("leanvibe.store.size", "Files of the store.", [(foot.store_bytes,)], unit="By")
    yield _gauge("leanvibe.disk.free", "Free space where the data is.", [(foot.free_bytes,)], unit="By")
    yield _gauge("leanvibe.disk.size", "Size of the file system where the data is.", [(foot.disk_bytes,)], unit="By")
    yield _gauge("leanvibe.http.connections", "Open HTTP connections.", [(facts.connections,)])
    away = "Clients that were sent away or hung up on, by reason."
    yield _counter("leanvibe.clients.turned_away", away, facts.turned_away.items(), ("reason",))
    failed = "How often a task of the front failed and was begun again."
    yield _counter("leanvibe.task.failures", failed, facts.task_failures.items(), ("task",))
    yield _gauge("leanvibe.live.clients", "Connected WebSocket clients.", [(facts.live_clients,)])
    yield _counter("leanvibe.worker.starts", "How often the worker was started.", [(facts.worker_starts,)])
    yield _gauge("leanvibe.worker.up", "1 while the worker answers.", [(facts.progress is not None,)])


def _delivery(facts: Facts) -> Iterator[Metric]:
    progress = facts.progress
    if progress is None:
        return
    store = {"name": "store", "seq": progress["store_seq"], "oldest_at": progress["store_oldest_at"]}
    consumers: list[Mapping[str, Any]] = [store, *progress["sinks"]]
    behind = [(one["name"], max(0, facts.last_seq - one["seq"])) for one in consumers]
    depth = max(0, facts.last_seq - progress["passed"])
    yield _gauge("leanvibe.queue.events", "Events in the journal that some consumer has not passed.", [(depth,)])
    yield _gauge("leanvibe.lag.events", "Events a consumer is behind.", behind, ("consumer",))
    yield _gauge(
        "leanvibe.lag",
        "Age of the oldest event that a consumer has not passed; 0 when it has passed all.",
        [(one["name"], _age(one["oldest_at"], facts.now)) for one in consumers],
        ("consumer",),
        unit="s",
    )
    yield from _sinks(progress["sinks"], int(progress["since"] * 1e9))
    yield from _sealed(progress["sealed"])


def _sinks(sinks: Sequence[Mapping[str, Any]], since_ns: int) -> Iterator[Metric]:
    """What the worker counts by itself begins anew with it, not with the front."""
    up = [(sink["name"], sink["state"] != "retrying") for sink in sinks]
    yield _gauge("leanvibe.sink.up", "0 while the sink refuses or cannot be reached.", up, ("sink",))
    for name, text in (
        ("delivered", "Items that the sink has taken, since the worker's start."),
        ("retries", "Attempts that failed and were made again, since the worker's start."),
        ("dead_letters", "Items that the sink will never take: kept at the worker's start, and since."),
    ):
        counted = _counter(f"leanvibe.sink.{name}", text, [(sink["name"], sink[name]) for sink in sinks], ("sink",))
        yield msgspec.structs.replace(counted, since_ns=since_ns)


def _sealed(sealed: Mapping[str, Any]) -> Iterator[Metric]:
    """Sealed days, and what left the store before its time: counted since the first day, not since a start."""
    yield _gauge("leanvibe.store.sealed.files", "Files of sealed days.", [(sealed["files"],)])
    yield _gauge("leanvibe.store.sealed.size", "Size of the files of sealed days.", [(sealed["bytes"],)], unit="By")
    gone = sealed["forgotten"]
    since = int(min((one["since"] for one in gone), default=0) * 1e9)
    own = [(one["reason"], one["events"]) for one in gone if not one["sink"]]
    size = [(one["reason"], one["bytes"]) for one in gone if not one["sink"]]
    sinks = [(one["sink"], one["reason"], one["events"]) for one in gone if one["sink"]]
    for metric in (
        _counter("leanvibe.store.deleted", "Events that left the store, by reason.", own, ("reason",)),
        _counter("leanvibe.store.deleted.size", "Bytes given back, by reason.", size, ("reason",), unit="By"),
        _counter(
            "leanvibe.sink.dropped",
            "Events, and dead letters, that left the store before the sink had taken them.",
            sinks,
            ("sink", "reason"),
        ),
    ):
        yield msgspec.structs.replace(metric, since_ns=since)


def _age(oldest_at: float | None, now: float) -> float:
    return 0.0 if oldest_at is None else round(max(0.0, now - oldest_at), 3)


def _counter(
    name: str, text: str, rows: Iterable[tuple[Any, ...]], labels: tuple[str, ...] = (), unit: str = ""
) -> Metric:
    return Metric(name=name, kind=MetricKind.COUNTER, unit=unit, help=text, labels=labels, points=_points(rows))


def _gauge(
    name: str, text: str, rows: Iterable[tuple[Any, ...]], labels: tuple[str, ...] = (), unit: str = ""
) -> Metric:
    return Metric(name=name, kind=MetricKind.GAUGE, unit=unit, help=text, labels=labels, points=_points(rows))


def _points(rows: Iterable[tuple[Any, ...]]) -> tuple[Point, ...]:
    """Rows of label values, each with its number at the end."""
    return tuple(Point(tuple(row[:-1]), float(row[-1])) for row in rows)
