"""Log records → protobuf. Source of the messages: opentelemetry-proto 1.9, logs/v1/logs.proto."""

from collections.abc import Iterable, Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as WireLog
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporters.otlp.encode import SAMPLED
from exporters.otlp.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_BYTES,
    SCOPE,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    any_value,
    fit_text,
    fit_time,
    id_bytes,
    key_values,
)
from sidecar.otel import semconv
from sidecar.otel.log_model import LogRecord


def wire_log(record: LogRecord) -> WireLog:
    """One log record as its protobuf message.

    Raises:
        ValueError: an id is no id; everything else is made fit.
    """
    return WireLog(
        time_unix_nano=fit_time(record.at_ns),
        observed_time_unix_nano=fit_time(record.observed_ns),
        severity_number=SeverityNumber.ValueType(record.severity),
        severity_text=record.severity.name,
        body=any_value(record.body),
        attributes=key_values(record.attributes),
        dropped_attributes_count=max(0, len(record.attributes) - MAX_ATTRIBUTES),
        flags=SAMPLED if record.trace_id else 0,
        trace_id=id_bytes(record.trace_id, TRACE_ID_BYTES) if record.trace_id else b"",
        span_id=id_bytes(record.span_id, SPAN_ID_BYTES) if record.span_id else b"",
        event_name=fit_text(record.event_name, MAX_NAME_BYTES),
    )


def request_bytes(groups: Iterable[tuple[Resource, Sequence[WireLog]]]) -> bytes:
    """A whole request of log records by resource; equal groups give equal bytes."""
    request = ExportLogsServiceRequest(resource_logs=[_group(*group) for group in groups])
    encoded: bytes = request.SerializeToString(deterministic=True)
    return encoded


def _group(resource: Resource, records: Sequence[WireLog]) -> ResourceLogs:
    scoped = ScopeLogs(scope=SCOPE, log_records=records, schema_url=semconv.SCHEMA_URL)
    return ResourceLogs(resource=resource, scope_logs=[scoped], schema_url=semconv.SCHEMA_URL)
