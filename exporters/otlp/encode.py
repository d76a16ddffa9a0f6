"""Spans → protobuf, deterministic, and so that no span can spoil a batch.

Protobuf refuses a whole message for one lone surrogate or one negative time, so every value is made fit
first. Source of the messages: opentelemetry-proto 1.9, trace/v1/trace.proto.
"""

from collections.abc import Mapping, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from sidecar.otel import semconv
from sidecar.otel.model import Attributes, Span, SpanEvent, SpanLink

MAX_VALUE_BYTES = 8192
MAX_NAME_BYTES = 512
MAX_ATTRIBUTES = 128
MAX_EVENTS = 128
MAX_LINKS = 32
"""Beyond these attributes, events and links are left out and counted in the span's own `dropped_*` fields."""

INT64 = 2**63 - 1
UINT64 = 2**64 - 1
SAMPLED = 1
TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8

_SCOPE = InstrumentationScope(name=semconv.SCOPE_NAME, version=semconv.SCOPE_VERSION)


def wire_span(span: Span) -> WireSpan:
    """One span as its protobuf message.

    Raises:
        ValueError: an id is no id; everything else is made fit.
    """
    start = _clamp(span.start_ns, UINT64)
    return WireSpan(
        trace_id=_id(span.trace_id, TRACE_ID_BYTES),
        span_id=_id(span.span_id, SPAN_ID_BYTES),
        parent_span_id=_id(span.parent_span_id, SPAN_ID_BYTES) if span.parent_span_id else b"",
        flags=SAMPLED,
        name=_text(span.name, MAX_NAME_BYTES),
        kind=WireSpan.SpanKind.ValueType(span.kind),
        start_time_unix_nano=start,
        end_time_unix_nano=max(start, _clamp(span.end_ns, UINT64)),
        attributes=_attributes(span.attributes),
        dropped_attributes_count=max(0, len(span.attributes) - MAX_ATTRIBUTES),
        events=[_event(one) for one in span.events[:MAX_EVENTS]],
        dropped_events_count=max(0, len(span.events) - MAX_EVENTS),
        links=[_link(one) for one in span.links[:MAX_LINKS]],
        dropped_links_count=max(0, len(span.links) - MAX_LINKS),
        status=Status(code=Status.StatusCode.ValueType(span.status)) if span.status else None,
    )


def scoped(spans: Sequence[WireSpan]) -> ScopeSpans:
    """Spans under our instrumentation scope."""
    return ScopeSpans(scope=_SCOPE, spans=spans, schema_url=semconv.SCHEMA_URL)


def request_bytes(groups: Sequence[ResourceSpans]) -> bytes:
    """A whole request; equal groups give equal bytes."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    encoded: bytes = ExportTraceServiceRequest(resource_spans=groups).SerializeToString(deterministic=True)
    return encoded


def key_value(name: str, value: object) -> KeyValue:
    """One attribute, made fit for the wire."""
    return KeyValue(key=_text(name, MAX_NAME_BYTES), value=_any(value))


def _any(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=max(-INT64 - 1, min(INT64, value)))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=_text(str(value), MAX_VALUE_BYTES))


def _attributes(attributes: Mapping[str, object]) -> list[KeyValue]:
    return [key_value(name, value) for name, value in list(attributes.items())[:MAX_ATTRIBUTES]]


def _event(event: SpanEvent) -> WireSpan.Event:
    return WireSpan.Event(
        time_unix_nano=_clamp(event.at_ns, UINT64),
        name=_text(event.name, MAX_NAME_BYTES),
        attributes=_attributes(event.attributes),
    )


def _link(link: SpanLink) -> WireSpan.Link:
    attributes: Attributes = link.attributes
    return WireSpan.Link(
        trace_id=_id(link.trace_id, TRACE_ID_BYTES),
        span_id=_id(link.span_id, SPAN_ID_BYTES),
        attributes=_attributes(attributes),
    )


def _id(text: str, size: int) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != size or not any(found):
        raise ValueError(f"an id of {len(found)} bytes where {size}, not all zero, are needed")
    return found


def _text(text: str, limit: int) -> str:
    """Valid UTF-8 of at most `limit` bytes, whole characters only; lone surrogates become `?`."""
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _clamp(value: int, highest: int) -> int:
    return max(0, min(highest, value))
