"""Events as rows of `events_hot`, and back; a large payload is not in its row (see `payloads`)."""

import datetime as dt
from typing import Any

import msgspec

from sidecar.agents.fields import MAX_TEXT_CHARS
from sidecar.events import FIELDS, HookEvent
from sidecar.otel import ids
from sidecar.otel.batch import calls_of
from sidecar.otel.failures import SHOWN
from sidecar.otel.metric_model import Point
from sidecar.otel.model import Span, SpanStatus
from sidecar.worker.store.payloads import inline

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
COLUMNS = FIELDS
"""The table's columns stand in the order of the event's fields; a test holds them equal."""
LISTED_CALLS = "listed_calls"
STORED_COLUMNS = (*COLUMNS, LISTED_CALLS)
"""With what is taken out of the payload at loading, for the views alone."""

_json = msgspec.json.Encoder()


def moment(micros: int) -> dt.datetime:
    """A time in UTC from microseconds since the epoch; beyond what a calendar holds, the nearest that it does."""
    try:
        return EPOCH + dt.timedelta(microseconds=micros)
    except OverflowError:
        return dt.datetime.max.replace(tzinfo=dt.UTC) if micros > 0 else dt.datetime.min.replace(tzinfo=dt.UTC)


def micros(moment_: dt.datetime) -> int:
    """Microseconds since the epoch."""
    return (moment_ - EPOCH) // dt.timedelta(microseconds=1)


def row_of(event: HookEvent) -> tuple[Any, ...]:
    """The row of one event, in the order of `STORED_COLUMNS`."""
    return (
        event.seq, event.event_id, moment(event.received_at), moment(event.occurred_at), event.host, event.agent,
        event.event_type.value, event.hook_event_name, event.session_id, inline(event),
        event.prompt_id, event.agent_id, event.agent_type, event.tool_name, event.tool_use_id, event.success,
        event.error, event.execution_time_ms, event.cwd,
        _json.encode(event.redactions).decode() if event.redactions else None,
        event.redaction_failed, event.size_bytes, event.processing_time_ms, event.trace_id, event.span_id,
        _listed_calls(event),
    )  # fmt: skip


def _listed_calls(event: HookEvent) -> list[dict[str, str | None]] | None:
    """What a batch tells of its calls; the error's text only where it is one."""
    if event.hook_event_name != "PostToolBatch":
        return None
    found = [
        {
            "id": one.call_id[:MAX_TEXT_CHARS],
            "tool": one.tool,
            "error_type": one.error_type,
            "error": one.shown[:SHOWN] if one.error_type else None,
            "span_id": ids.span_id(event.session_id, event.prompt_id, ids.TOOL, one.call_id),
        }
        for one in calls_of(event.payload)
    ]
    return found or None


def event_of(row: tuple[Any, ...]) -> HookEvent:
    """The event of one row of `COLUMNS`."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["received_at"] = micros(values["received_at"])
    values["occurred_at"] = micros(values["occurred_at"])
    values["payload"] = msgspec.Raw(values["payload"].encode())
    values["redactions"] = msgspec.json.decode(values["redactions"]) if values["redactions"] else {}
    return msgspec.convert(values, HookEvent)


def counter_row(metric: str, point: Point) -> tuple[Any, ...]:
    """The row of one series in `counters`."""
    return metric, _json.encode(point.labels).decode(), point.value, _json.encode(point.buckets).decode()


def counter_of(row: tuple[Any, ...]) -> tuple[tuple[str, tuple[str, ...]], Point]:
    """`(metric, labels)` and the numbers of one row of `counters`."""
    metric, labels, value, buckets = row
    values = msgspec.json.decode(labels, type=tuple[str, ...])
    return (metric, values), Point(values, value, msgspec.json.decode(buckets, type=tuple[int, ...]))


def span_row(span: Span) -> tuple[Any, ...]:
    """The row of one exported span in `spans`."""
    times = (moment(span.start_ns // 1000), moment(span.end_ns // 1000))
    attributes = _json.encode(span.attributes).decode()
    names = (span.trace_id, span.span_id, span.parent_span_id, span.service, span.name)
    return (*names, *times, span.status.name, attributes)


def span_of(row: tuple[Any, ...]) -> Span:
    """The span of one row of `spans`, without its events and links."""
    trace_id, span_id, parent, service, name, started_at, ended_at, status, attributes = row
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        service=service,
        name=name,
        start_ns=micros(started_at) * 1000,
        end_ns=micros(ended_at) * 1000,
        status=SpanStatus[status],
        attributes=msgspec.json.decode(attributes),
    )
