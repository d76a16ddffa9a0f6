"""What the sidecar says of itself: the guide's performance and health answers."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from sidecar import __version__
from sidecar.front.monitor import Performance, explain
from sidecar.front.stages import StageTimes

LAG_WARNING_EVENTS = 10_000
ORDER = ("healthy", "degraded", "unhealthy")
NO_TROUBLES: Mapping[str, str | None] = {"audit": None, "tasks": None}


class Journal(Protocol):
    """What health needs to know of the journal."""

    @property
    def last_error(self) -> str | None:
        """Why the last append failed, None when it did not."""

    @property
    def last_seq(self) -> int:
        """Sequence number of the last durable event."""

    @property
    def recovery(self) -> str | None:
        """What became of a damaged journal, in one line."""

    @property
    def lost(self) -> int:
        """Events of it that could not be read."""


class Worker(Protocol):
    """What health needs to know of the worker."""

    @property
    def progress(self) -> dict[str, Any] | None:
        """How far store and sinks are; None when it does not answer."""

    @property
    def trouble(self) -> str | None:
        """Why it does not answer, in one line."""

    @property
    def starts(self) -> int:
        """How often it was started."""

    @property
    def last_ending(self) -> str | None:
        """How the one before ended, and why; None when there was none."""


def performance_answer(performance: Performance, stages: Mapping[str, StageTimes] | None = None) -> dict[str, Any]:
    """`GET /hook-performance`, in the guide's shape; with `stages` also where the time goes, in milliseconds."""
    issues, warnings = explain(performance)
    detail = {} if stages is None else {"stages": {name: msgspec.to_builtins(one) for name, one in stages.items()}}
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
        **detail,
    }


def health_answer(
    performance: Performance,
    journal: Journal,
    worker: Worker,
    live_clients: int,
    redaction_engine: str = "hyperscan",
    troubles: Mapping[str, str | None] = NO_TROUBLES,
) -> dict[str, Any]:
    """`GET /health`: every component and sink with its lag, the whole as bad as its worst part. Pure.

    Args:
        performance: the monitor's snapshot.
        journal: how the journal is.
        worker: how the worker is.
        live_clients: connected WebSocket clients.
        redaction_engine: what finds secrets: "hyperscan", or "python" where that is missing.
        troubles: part of the front → what is wrong with it; None when nothing is.
    """
    known = worker.progress or {}
    components: dict[str, dict[str, Any]] = {
        "hook_processor": _processor(performance),
        "redaction": {"status": "healthy", "engine": redaction_engine},
        "journal": _journal(journal),
        "worker": _worker(worker),
        "store": _store(worker.progress, journal.last_seq),
        "live": {"status": "healthy", "clients": live_clients},
        **{name: _part(trouble) for name, trouble in troubles.items()},
        **{one["name"]: _export(one) for one in known.get("exports", [])},
    }
    sinks = {sink["name"]: _sink(sink, journal.last_seq, known["sealed"]) for sink in known.get("sinks", [])}
    parts = [*components.values(), *sinks.values()]
    return {
        "status": max((str(part["status"]) for part in parts), key=ORDER.index),
        "service": "leanvibe-sidecar",
        "version": __version__,
        "pid": os.getpid(),
        "timestamp": datetime.now(UTC).isoformat(),
        "components": components,
        "sinks": sinks,
        "turns": _turns(known),
    }


def _turns(known: Mapping[str, Any]) -> dict[str, Any]:
    oldest = [_turn(turn, time.time()) for turn in known.get("turns", [])]
    return {"running": known.get("turns_running", 0), "oldest": oldest}


def _processor(performance: Performance) -> dict[str, Any]:
    """With its reasons, in the words of `/hook-performance`, as long as it has any."""
    issues, warnings = explain(performance)
    reasons = "; ".join(issues + warnings)
    return {"status": performance.health} | ({"error": reasons} if reasons else {})


def _part(trouble: str | None) -> dict[str, Any]:
    return {"status": "degraded", "error": trouble} if trouble else {"status": "healthy"}


def _journal(journal: Journal) -> dict[str, Any]:
    """Unhealthy while nothing can be made durable; degraded after a damaged file was moved aside."""
    shown: dict[str, Any] = {"status": "healthy", "last_seq": journal.last_seq}
    if journal.recovery:
        shown |= {"status": "degraded", "lost": journal.lost, "error": journal.recovery}
    if journal.last_error:
        shown |= {"status": "unhealthy", "error": journal.last_error}
    return shown


def _worker(worker: Worker) -> dict[str, Any]:
    told = {"last_ending": worker.last_ending, "error": worker.trouble}
    shown = {"status": "healthy" if worker.progress else "degraded", "starts": worker.starts}
    return shown | {name: text for name, text in told.items() if text}


def _store(progress: dict[str, Any] | None, last_seq: int) -> dict[str, Any]:
    if progress is None:
        return {"status": "degraded", "error": "the worker is not answering; it is started again by itself"}
    lag = max(0, last_seq - progress["store_seq"])
    shown: dict[str, Any] = {
        "status": "degraded" if progress["store_error"] or progress["store_note"] else "healthy",
        "lag_events": lag,
        "sealed": {name: progress["sealed"][name] for name in ("files", "events", "bytes")},
        "forgotten": _forgotten(progress["sealed"], ""),
    }
    if problem := progress["store_error"] or progress["store_note"]:
        shown["error"] = problem
    return shown


def _export(state: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent periodically and has no cursor."""
    shown: dict[str, Any] = {"status": "degraded" if state["state"] == "retrying" else "healthy"}
    told = {"error": state["last_error"], "notice": state["notice"]}
    return shown | {name: text for name, text in told.items() if text}


def _turn(turn: Mapping[str, Any], now: float) -> dict[str, Any]:
    """A running turn without anything that tells whose it is; seconds since it began, and since it waits."""
    waits = turn["waiting_since"]
    return {
        "agent": turn["agent"],
        "seconds": round(now - turn["started_at"] / 1e6, 1),
        "events": turn["events"],
        "waiting_for_permission_seconds": None if waits is None else round(now - waits / 1e6, 1),
    }


def _forgotten(sealed: Mapping[str, Any], sink: str) -> dict[str, int]:
    """Reason → events that left the store, or left it before that sink had them; since the first day."""
    return {one["reason"]: one["events"] for one in sealed["forgotten"] if one["sink"] == sink}


def _sink(sink: dict[str, Any], last_seq: int, sealed: Mapping[str, Any]) -> dict[str, Any]:
    lag = max(0, last_seq - sink["seq"])
    bad = sink["state"] == "retrying" or lag > LAG_WARNING_EVENTS
    shown = {"status": "degraded" if bad else "healthy", "lag_events": lag, **sink}
    return shown | {"dropped": _forgotten(sealed, sink["name"])}
