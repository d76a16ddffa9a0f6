"""`GET /metrics`: the durable and the process's own numbers as Prometheus text or OpenMetrics."""

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

from sidecar.front.monitor import BUCKETS, PerformanceMonitor

Progress = Callable[[], dict[str, Any] | None]


class SidecarCollector:
    """Reads the monitor and the worker's progress at each scrape. No label is ever a session, path or id."""

    def __init__(self, monitor: PerformanceMonitor, last_seq: Callable[[], int], progress: Progress) -> None:
        self._monitor = monitor
        self._last_seq = last_seq
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        """Every metric of the sidecar."""
        yield from self._processing()
        yield from self._losses()
        yield from self._delivery(self._progress())

    def _processing(self) -> Iterator[Metric]:
        snapshot = self._monitor.snapshot()
        totals = self._monitor.totals
        processed = CounterMetricFamily(
            "leanvibe_events_processed", "Events acknowledged as durable.", labels=["agent", "event_type"]
        )
        for (agent, event_type), count in totals.processed.items():
            processed.add_metric([agent, event_type.value], count)
        yield processed
        yield CounterMetricFamily("leanvibe_events_failed", "Events that could not be taken.", value=totals.failed)
        yield _histogram(totals.buckets, totals.duration_seconds)
        yield GaugeMetricFamily(
            "leanvibe_avg_processing_time_ms",
            "Mean processing time of the last minute in milliseconds.",
            value=snapshot.avg_processing_time_ms,
        )
        yield GaugeMetricFamily(
            "leanvibe_error_rate",
            "Share of the last minute's events that could not be processed, 0 to 1.",
            value=round(1 - snapshot.success_rate, 5),
        )
        yield GaugeMetricFamily(
            "leanvibe_events_per_second", "Events of the last minute per second.", value=snapshot.events_per_second
        )

    def _losses(self) -> Iterator[Metric]:
        totals = self._monitor.totals
        dropped = CounterMetricFamily("leanvibe_dropped", "What was left out, by reason.", labels=["reason"])
        for reason, count in totals.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped
        redactions = CounterMetricFamily("leanvibe_redactions", "Replacements, by rule.", labels=["rule"])
        for rule, count in totals.redactions.items():
            redactions.add_metric([rule], count)
        yield redactions
        leaks = CounterMetricFamily(
            "leanvibe_secret_leaks", "Secrets of known vendors that went through and were redacted.", labels=["kind"]
        )
        for kind, count in totals.leaks.items():
            leaks.add_metric([kind], count)
        yield leaks
        yield CounterMetricFamily(
            "leanvibe_redaction_failures",
            "Events whose content was dropped because redaction could not finish.",
            value=totals.redaction_failures,
        )

    def _delivery(self, progress: dict[str, Any] | None) -> Iterator[Metric]:
        yield GaugeMetricFamily("leanvibe_worker_up", "1 while the worker answers.", value=progress is not None)
        if progress is None:
            return
        last = self._last_seq()
        lag = GaugeMetricFamily("leanvibe_lag_events", "Events a consumer is behind.", labels=["consumer"])
        lag.add_metric(["store"], max(0, last - progress["store_seq"]))
        up = GaugeMetricFamily("leanvibe_sink_up", "1 while the sink takes what it is given.", labels=["sink"])
        counters = {
            name: CounterMetricFamily(f"leanvibe_sink_{name}", text, labels=["sink"])
            for name, text in (
                ("delivered", "Items that the sink has taken."),
                ("retries", "Attempts that failed and were made again."),
                ("dead_letters", "Items that the sink will never take."),
            )
        }
        for sink in progress["sinks"]:
            lag.add_metric([sink["name"]], max(0, last - sink["seq"]))
            up.add_metric([sink["name"]], sink["state"] == "up")
            for name, family in counters.items():
                family.add_metric([sink["name"]], sink[name])
        yield from (lag, up, *counters.values())


def registry_of(collector: SidecarCollector) -> CollectorRegistry:
    """A registry of its own, so that no library's metrics slip in."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """`(body, content type)` in the format that the Accept header asks for."""
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


def _histogram(counts: list[int], total_seconds: float) -> Metric:
    cumulative = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
        cumulative += count
        buckets.append((bound, cumulative))
    family = HistogramMetricFamily("leanvibe_processing_duration_seconds", "From receipt to durable, in seconds.")
    family.add_metric([], buckets, total_seconds)
    return family
