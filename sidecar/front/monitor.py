"""PerformanceMonitor: how fast events are processed, how many could not be, and what that says of health."""

import math
import re
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sidecar.events import PROBE_EVENT, EventType, HookEvent
from sidecar.otel.metric_model import Exemplar, newest

WINDOW_SECONDS = 60.0
WINDOW_SAMPLES = 10_000
GOOD_MS = 100.0
DEGRADED_MS = 150.0
CRITICAL_FAILURE_RATE = 0.05
MIN_SAMPLES = 20
"""Fewer events say nothing of a rate of failures: one bad request must not make a quiet host unhealthy."""
MAX_AGENTS = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds in seconds of `leanvibe_processing_duration_seconds`, with the guide's 0.1 and 0.15 among them."""


@dataclass(frozen=True, slots=True)
class Performance:
    """The last `WINDOW_SECONDS`, and totals since start. Times in milliseconds, rates from 0 to 1."""

    events_processed: int
    events_failed: int
    events_per_second: float
    avg_processing_time_ms: float
    success_rate: float
    p50: float
    p95: float
    p99: float
    level: str
    """good, warning, degraded or critical, by the guide's thresholds."""

    @property
    def health(self) -> str:
        """healthy, degraded or unhealthy."""
        return {"good": "healthy", "critical": "unhealthy"}.get(self.level, "degraded")


@dataclass(slots=True)
class Totals:
    """Counts since start, for `/metrics`."""

    processed: Counter[tuple[str, EventType]] = field(default_factory=Counter)
    failed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    redactions: Counter[str] = field(default_factory=Counter)
    redaction_failures: int = 0
    leaks: Counter[str] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    duration_seconds: float = 0.0
    exemplars: list[Exemplar | None] = field(default_factory=lambda: [None] * (len(BUCKETS) + 1))
    """The newest event of each bucket that belongs to a turn, and so to a trace."""


class PerformanceMonitor:
    """Counts on the event loop's thread only; a snapshot is cheap enough for every health check."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._window: deque[tuple[float, float, bool]] = deque(maxlen=WINDOW_SAMPLES)
        self.totals = Totals()
        self._agents: set[str] = set()

    def processed(self, events: Sequence[HookEvent], seconds: float) -> None:
        """Counts events that one request made durable within `seconds`."""
        now = self._clock()
        totals = self.totals
        bucket = bisect_left(BUCKETS, seconds)
        for event in events:
            if event.hook_event_name == PROBE_EVENT:
                continue
            self._window.append((now, seconds * 1000, True))
            totals.processed[self._label(event.agent), event.event_type] += 1
            totals.buckets[bucket] += 1
            totals.duration_seconds += seconds
            totals.redaction_failures += event.redaction_failed
            for rule, count in event.redactions.items():
                totals.redactions[rule] += count
        self._exemplify(events, seconds, bucket)

    def _exemplify(self, events: Sequence[HookEvent], seconds: float, bucket: int) -> None:
        last = events[-1] if events else None
        if last and last.prompt_id and last.trace_id and last.span_id:
            one = Exemplar(seconds, last.trace_id, last.span_id, last.received_at * 1000)
            self.totals.exemplars[bucket] = newest(self.totals.exemplars[bucket], one)

    def leaked(self, kinds: Iterable[str]) -> None:
        """Counts secrets of vendors that went through, by the rule that knew them."""
        self.totals.leaks.update(kinds)

    def _label(self, agent: str) -> str:
        """The agent as a metric's label: clients choose it, so it must look like a name and there are not many."""
        if agent not in self._agents:
            if len(self._agents) >= MAX_AGENTS or not _NAME.fullmatch(agent):
                return "other"
            self._agents.add(agent)
        return agent

    def failed(self, count: int = 1) -> None:
        """Counts events that could not be taken."""
        now = self._clock()
        self.totals.failed += count
        self._window.extend((now, 0.0, False) for _ in range(min(count, WINDOW_SAMPLES)))

    def dropped(self, reason: str, count: int = 1) -> None:
        """Counts what was left out of an event that was taken, by reason."""
        self.totals.dropped[reason] += count

    def snapshot(self) -> Performance:
        """What the window says now."""
        now = self._clock()
        while self._window and self._window[0][0] < now - WINDOW_SECONDS:
            self._window.popleft()
        times = sorted(ms for _, ms, ok in self._window if ok)
        seen = len(self._window)
        span = min(WINDOW_SECONDS, max(now - self._started, 1.0))
        if seen == WINDOW_SAMPLES:  # older samples fell out: the window is as long as what it still holds
            span = max(now - self._window[0][0], 0.001)
        average = sum(times) / len(times) if times else 0.0
        failure_rate = (seen - len(times)) / seen if seen else 0.0
        return Performance(
            events_processed=self.totals.processed.total(),
            events_failed=self.totals.failed,
            events_per_second=round(len(times) / span, 3),
            avg_processing_time_ms=round(average, 3),
            success_rate=round(1 - failure_rate, 5),
            p50=percentile(times, 0.50),
            p95=percentile(times, 0.95),
            p99=percentile(times, 0.99),
            level=level_of(average, failure_rate if seen >= MIN_SAMPLES else 0.0),
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values, rounded to microseconds; 0 for none."""
    if not ordered:
        return 0.0
    rank = math.ceil(round(share * len(ordered), 6))  # 0.07 * 100 is a little more than 7
    return round(ordered[max(rank, 1) - 1], 3)


def level_of(average_ms: float, failure_rate: float) -> str:
    """The guide's thresholds: critical over 5 % failures, degraded over 150 ms, warning from 100 ms, else good."""
    if failure_rate > CRITICAL_FAILURE_RATE:
        return "critical"
    if average_ms > DEGRADED_MS:
        return "degraded"
    return "good" if average_ms < GOOD_MS else "warning"


def explain(performance: Performance) -> tuple[list[str], list[str]]:
    """`(issues, warnings)` of a snapshot, in words."""
    average = f"average processing time is {performance.avg_processing_time_ms} ms"
    match performance.level:
        case "critical":
            share = round((1 - performance.success_rate) * 100, 2)
            return [f"{share} % of events could not be processed (critical: over 5 %)"], []
        case "degraded":
            return [f"{average} (degraded: over 150 ms)"], []
        case "warning":
            return [], [f"{average} (warning: 100 to 150 ms)"]
        case _:
            return [], []
