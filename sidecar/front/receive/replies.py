"""The JSON that the routes answer, in the guide's shapes."""

from typing import Any

import msgspec
from litestar import MediaType, Response

from sidecar.errors import (
    AuditError,
    ExportError,
    IngestError,
    LeanvibeError,
    QueryFailedError,
    QueryLimitError,
    QueryRefusedError,
    ReplayError,
    WorkerUnavailableError,
)
from sidecar.events import HookEvent

KILOBYTE = 1024
STATUS: dict[type[LeanvibeError], int] = {
    QueryFailedError: 400,
    QueryRefusedError: 403,
    ReplayError: 409,
    QueryLimitError: 422,
    ExportError: 502,
    AuditError: 503,
    WorkerUnavailableError: 503,
}
"""The HTTP status of an error, and of those derived from it; any other is our own fault."""

_encoder = msgspec.json.Encoder()


def error_body(error: LeanvibeError) -> bytes:
    """`{"error", "hint"}`: what and what to do, never a part of the request."""
    return _encoder.encode({"error": error.message, "hint": error.hint})


def refusal(error: LeanvibeError, status: int | None = None) -> Response[bytes]:
    """The whole answer to a request that failed, with the error's own status unless another one is given."""
    code = status_of(error) if status is None else status
    return Response(error_body(error), status_code=code, media_type=MediaType.JSON)


def status_of(error: LeanvibeError) -> int:
    """The HTTP status that says what kind of error it is, whatever route met it."""
    if isinstance(error, IngestError):
        return error.status
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def processed(event: HookEvent, processing_time_ms: float, warnings: list[str]) -> dict[str, Any]:
    """The guide's answer for an event that is durable."""
    return {
        "status": "processed",
        "event_id": event.event_id,
        "processing_time_ms": round(processing_time_ms, 3),
        "redacted": bool(event.redactions) or event.redaction_failed,
        "performance_warnings": warnings,
    }


def failed(error: LeanvibeError, processing_time_ms: float) -> dict[str, Any]:
    """The guide's answer for an event that was not taken, with what to do."""
    return {
        "status": "failed",
        "event_id": None,
        "processing_time_ms": round(processing_time_ms, 3),
        "redacted": False,
        "performance_warnings": [],
        "error": error.message,
        "hint": error.hint,
    }


class _Result(msgspec.Struct):
    """Only the tool's answer, under its two names, kept as bytes."""

    result: msgspec.Raw = msgspec.Raw()
    tool_response: msgspec.Raw = msgspec.Raw()


_result_of = msgspec.json.Decoder(_Result)


def performance_warnings(event: HookEvent, slow_tool_ms: float, large_result_kb: float) -> list[str]:
    """A line for a tool that ran longer, and one for a result larger (as redacted JSON), than its threshold."""
    warnings = []
    name = event.tool_name or "tool"
    if event.execution_time_ms is not None and event.execution_time_ms > slow_tool_ms:
        warnings.append(f"slow tool: {name} took {event.execution_time_ms:g} ms (threshold {slow_tool_ms:g} ms)")
    if len(event.payload) / KILOBYTE > large_result_kb:
        parts = _result_of.decode(event.payload)
        size = len(parts.result or parts.tool_response) / KILOBYTE
        if size > large_result_kb:
            warnings.append(f"large result: {name} gave {size:.0f} KB (threshold {large_result_kb:g} KB)")
    return warnings
