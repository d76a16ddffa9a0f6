"""A span as plain data, before any wire format."""

import enum

import msgspec

NANOS_PER_MICRO = 1000
"""Events are timed in microseconds, what OTLP carries in nanoseconds."""


class SpanKind(enum.IntEnum):
    """As numbered by OTLP (trace.proto, `Span.SpanKind`)."""

    INTERNAL = 1


class SpanStatus(enum.IntEnum):
    """As numbered by OTLP (trace.proto, `Status.StatusCode`). Success stays UNSET: OK is the user's word."""

    UNSET = 0
    ERROR = 2


Attributes = dict[str, str | bool | int | float]
"""In the order in which they are sent: part of the identity of a span's bytes."""


class SpanEvent(msgspec.Struct, frozen=True):
    """Something that happened within a span at `at_ns` (nanoseconds since the epoch)."""

    name: str
    at_ns: int
    attributes: Attributes = {}


class SpanLink(msgspec.Struct, frozen=True):
    """A pointer to a span of another trace; ids in hex."""

    trace_id: str
    span_id: str
    attributes: Attributes = {}


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One finished span, in the final form in which it leaves.

    Ids are lower-case hex (32 and 16 digits), times nanoseconds since the epoch with `end_ns >= start_ns`.
    `service` is the agent that did the work; it becomes `service.name` of the resource.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    start_ns: int
    end_ns: int
    kind: SpanKind = SpanKind.INTERNAL
    status: SpanStatus = SpanStatus.UNSET
    service: str = "claude-code"
    attributes: Attributes
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
