"""What the sidecar says of itself: the guide's performance and health answers."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sidecar import __version__
from sidecar.front.monitor import Performance, explain

LAG_WARNING_EVENTS = 10_000
ORDER = ("healthy", "degraded", "unhealthy")


def performance_answer(performance: Performance) -> dict[str, Any]:
    """`GET /hook-performance`, in the guide's shape."""
    issues, warnings = explain(performance)
    return {
        "timestamp": datetime.now(UTC).isoformat(),
        "performance": {
            "events_processed": performance.events_processed,
            "events_failed": performance.events_failed,
            "events_per_second": performance.events_per_second,
            "avg_processing_time_ms": performance.avg_processing_time_ms,
            "success_rate": performance.success_rate,
            "processing_time_percentiles": {
                "p50": performance.p50,
                "p95": performance.p95,
                "p99": performance.p99,
            },
        },
        "health": performance.health,
        "degradation": {"is_degraded": performance.level != "good", "issues": issues, "warnings": warnings},
    }


@dataclass(frozen=True, slots=True)
class OwnParts:
    """What the parts of this process say.

    Args:
        journal_error: why the last append failed, None when it did not.
        last_seq: sequence number of the last durable event.
        redaction_engine: what finds secrets: "hyperscan", or "python" where that is missing.
        live_clients: connected WebSocket clients.
    """

    journal_error: str | None
    last_seq: int
    redaction_engine: str
    live_clients: int


def health_answer(performance: Performance, own: OwnParts, progress: dict[str, Any] | None) -> dict[str, Any]:
    """`GET /health`: every component and sink with its lag, the whole as bad as its worst part. Pure.

    Args:
        performance: the monitor's snapshot.
        own: the parts of this process.
        progress: the worker's; None when it does not answer.
    """
    components: dict[str, dict[str, Any]] = {
        "hook_processor": {"status": performance.health},
        "redaction": {"status": "healthy", "engine": own.redaction_engine},
        "journal": {"status": "unhealthy" if own.journal_error else "healthy", "last_seq": own.last_seq},
        "worker": {"status": "healthy" if progress else "degraded"},
        "store": _store(progress, own.last_seq),
        "live": {"status": "healthy", "clients": own.live_clients},
    }
    if own.journal_error:
        components["journal"]["error"] = own.journal_error
    sinks = {sink["name"]: _sink(sink, own.last_seq) for sink in (progress or {}).get("sinks", [])}
    parts = [*components.values(), *sinks.values()]
    return {
        "status": max((str(part["status"]) for part in parts), key=ORDER.index),
        "service": "leanvibe-sidecar",
        "version": __version__,
        "pid": os.getpid(),
        "timestamp": datetime.now(UTC).isoformat(),
        "components": components,
        "sinks": sinks,
    }


def _store(progress: dict[str, Any] | None, last_seq: int) -> dict[str, Any]:
    if progress is None:
        return {"status": "degraded", "error": "the worker is not answering; it is started again by itself"}
    lag = max(0, last_seq - progress["store_seq"])
    shown: dict[str, Any] = {
        "status": "healthy" if progress["store_error"] is None else "degraded",
        "lag_events": lag,
    }
    if progress["store_error"]:
        shown["error"] = progress["store_error"]
    return shown


def _sink(sink: dict[str, Any], last_seq: int) -> dict[str, Any]:
    lag = max(0, last_seq - sink["seq"])
    bad = sink["state"] == "retrying" or lag > LAG_WARNING_EVENTS
    return {"status": "degraded" if bad else "healthy", "lag_events": lag, **sink}
