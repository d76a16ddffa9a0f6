"""A log record as plain data, before any wire format."""

import enum

import msgspec

from sidecar.otel.model import Attributes


class Severity(enum.IntEnum):
    """As numbered by OTLP (logs.proto, `SeverityNumber`)."""

    INFO = 9
    WARN = 13


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One hook event as a log record.

    Times are nanoseconds since the epoch; `trace_id` and `span_id` (lower-case hex) are those of the span that
    the event belongs to, None where it belongs to none. `event_id` tells repeats apart. `service` is the agent.
    """

    event_id: str
    event_name: str
    at_ns: int
    observed_ns: int
    severity: Severity
    body: str
    service: str
    attributes: Attributes
    trace_id: str | None = None
    span_id: str | None = None
