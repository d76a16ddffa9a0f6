"""Spans → protobuf. Source of the messages: opentelemetry-proto 1.9, trace/v1/trace.proto."""

from collections.abc import Iterable, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from exporters.otlp.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_BYTES,
    SCOPE,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    fit_text,
    fit_time,
    id_bytes,
    key_values,
)
from sidecar.otel import semconv
from sidecar.otel.model import Span, SpanEvent, SpanLink

MAX_EVENTS = 128
MAX_LINKS = 32
"""Beyond these events and links are left out and counted in the span's own `dropped_*` fields."""

SAMPLED = 1


def wire_span(span: Span) -> WireSpan:
    """One span as its protobuf message.

    Raises:
        ValueError: an id is no id; everything else is made fit.
    """
    start = fit_time(span.start_ns)
    return WireSpan(
        trace_id=id_bytes(span.trace_id, TRACE_ID_BYTES),
        span_id=id_bytes(span.span_id, SPAN_ID_BYTES),
        parent_span_id=id_bytes(span.parent_span_id, SPAN_ID_BYTES) if span.parent_span_id else b"",
        flags=SAMPLED,
        name=fit_text(span.name, MAX_NAME_BYTES),
        kind=WireSpan.SpanKind.ValueType(span.kind),
        start_time_unix_nano=start,
        end_time_unix_nano=max(start, fit_time(span.end_ns)),
        attributes=key_values(span.attributes),
        dropped_attributes_count=max(0, len(span.attributes) - MAX_ATTRIBUTES),
        events=[_event(one) for one in span.events[:MAX_EVENTS]],
        dropped_events_count=max(0, len(span.events) - MAX_EVENTS),
        links=[_link(one) for one in span.links[:MAX_LINKS]],
        dropped_links_count=max(0, len(span.links) - MAX_LINKS),
        status=Status(code=Status.StatusCode.ValueType(span.status)) if span.status else None,
    )


def request_bytes(groups: Iterable[tuple[Resource, Sequence[WireSpan]]]) -> bytes:
    """A whole request of spans by resource; equal groups give equal bytes."""
    request = ExportTraceServiceRequest(resource_spans=[_group(*group) for group in groups])
    encoded: bytes = request.SerializeToString(deterministic=True)
    return encoded


def _group(resource: Resource, spans: Sequence[WireSpan]) -> ResourceSpans:
    scoped = ScopeSpans(scope=SCOPE, spans=spans, schema_url=semconv.SCHEMA_URL)
    return ResourceSpans(resource=resource, scope_spans=[scoped], schema_url=semconv.SCHEMA_URL)


def _event(event: SpanEvent) -> WireSpan.Event:
    return WireSpan.Event(
        time_unix_nano=fit_time(event.at_ns),
        name=fit_text(event.name, MAX_NAME_BYTES),
        attributes=key_values(event.attributes),
    )


def _link(link: SpanLink) -> WireSpan.Link:
    return WireSpan.Link(
        trace_id=id_bytes(link.trace_id, TRACE_ID_BYTES),
        span_id=id_bytes(link.span_id, SPAN_ID_BYTES),
        attributes=key_values(link.attributes),
    )
