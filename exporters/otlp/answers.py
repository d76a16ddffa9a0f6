"""What a server's answer means: taken, taken in part, come back later, or never.

Source: OTLP specification 1.9, "OTLP/HTTP Response" and "Failures". Of the other refusals only those that speak of
the request itself are for ever: a wrong URL, redirect or credential is put right by an operator, and until then
everything waits instead of being given up span by span.
"""

import datetime as dt
import email.utils
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from sidecar.errors import ExportError, PermanentExportError, SignalNotTakenError, TransientExportError

NOT_TAKEN = (404, 405, 501)
"""Answers of a server that does not know the path of a signal: one for traces knows none for logs."""

OF_THE_REQUEST = frozenset({400, 413, 422})
"""The backend read this request and will never take it."""
MAX_REASON = 200

HINTS = {
    400: "the backend cannot read this signal: check that it accepts it by OTLP as protobuf",
    401: "check OTEL_EXPORTER_OTLP_HEADERS: the backend wants other credentials",
    403: "check OTEL_EXPORTER_OTLP_HEADERS: these credentials may not write this signal",
    404: "check OTEL_EXPORTER_OTLP_ENDPOINT: nothing takes this signal there (/v1/SIGNAL is appended to it); "
    "OTEL_TRACES_EXPORTER, OTEL_LOGS_EXPORTER or OTEL_METRICS_EXPORTER=none switches one signal off",
    413: "the backend refuses requests of that size: lower the batch size, or raise its limit",
    415: "check OTEL_EXPORTER_OTLP_PROTOCOL: the backend takes no http/protobuf",
}
REDIRECT_HINT = "redirects are not followed, they would carry credentials elsewhere: set the final URL"
TLS_HINT = "the backend speaks TLS: write https:// in OTEL_EXPORTER_OTLP_ENDPOINT"
OTHER_HINT = "it is tried again by itself; the backend's log may say why"


class Partial(msgspec.Struct, frozen=True):
    """How many spans, log records or data points the server rejected, and why; none is full success."""

    rejected: int = 0
    reason: str = ""


def refusal(status: int, headers: Mapping[str, str], shown: str, body: bytes = b"") -> ExportError:
    """The error that a status other than 2xx means.

    Args:
        status: HTTP status.
        headers: of the answer; names are looked up as `Retry-After`.
        shown: the URL without credentials.
        body: of the answer.
    """
    message = f"{shown} answered {status}"
    redirected = 300 <= status < 400  # noqa: PLR2004 - the 3xx class
    known = HINTS.get(404 if status in NOT_TAKEN else status, OTHER_HINT)
    hint = REDIRECT_HINT if redirected else known
    if _wants_tls(status, shown, body):
        return TransientExportError(message, hint=TLS_HINT)
    if status in OF_THE_REQUEST:
        return PermanentExportError(message, hint=hint)
    wait = retry_after(headers.get("Retry-After"), time.time())
    refused = SignalNotTakenError if status in NOT_TAKEN else TransientExportError
    return refused(message, retry_after=wait, hint=hint)


def _wants_tls(status: int, shown: str, body: bytes) -> bool:
    """Whether a server with TLS tells plain HTTP so; Go, and with it the collector, nginx and Apache do by a 400."""
    return status == HTTPStatus.BAD_REQUEST and shown.startswith("http:") and b"https" in body.lower()


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, by number or date (RFC 9110, 10.2.3), else None."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", value):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp() - now)


def partial_success(body: bytes, content_type: str, shown: str) -> Partial:
    """What a 2xx answer says of single items.

    Raises:
        TransientExportError: the answer is not OTLP: something else listens there.
    """
    read = READERS.get(content_type.partition(";")[0].strip().lower(), _from_nothing)
    try:
        return read(body)
    except (DecodeError, msgspec.DecodeError, ValueError, RecursionError):  # of a number, or of brackets, without end
        raise not_otlp(shown) from None


def not_otlp(shown: str) -> TransientExportError:
    """The error of an answer that no OTLP server gives."""
    return TransientExportError(
        f"{shown} answered with something that is not OTLP",
        hint="check OTEL_EXPORTER_OTLP_ENDPOINT: another service seems to listen there",
    )


def from_protobuf(body: bytes) -> Partial:
    """The partial success in a response.

    Those of logs and metrics have the same fields under the same numbers, so one message reads all three.

    Raises:
        DecodeError: it is no such message.
    """
    told = ExportTraceServiceResponse.FromString(body).partial_success
    return Partial(max(0, told.rejected_spans), one_line(told.error_message))


class _JsonPartial(msgspec.Struct):
    rejectedSpans: int | str = 0  # noqa: N815 - OTLP's own name
    rejectedLogRecords: int | str = 0  # noqa: N815 - the same
    rejectedDataPoints: int | str = 0  # noqa: N815 - the same
    errorMessage: str = ""  # noqa: N815 - the same


class _JsonAnswer(msgspec.Struct):
    partialSuccess: _JsonPartial | None = None  # noqa: N815 - the same


def _from_json(body: bytes) -> Partial:
    """Some vendors answer JSON to protobuf; 64-bit numbers are strings there."""
    told = msgspec.json.decode(body or b"{}", type=_JsonAnswer).partialSuccess or _JsonPartial()
    counts = map(str, (told.rejectedSpans, told.rejectedLogRecords, told.rejectedDataPoints))
    return Partial(sum(int(count) for count in counts if count.isdecimal()), one_line(told.errorMessage))


def _from_nothing(body: bytes) -> Partial:
    """Any other kind of answer says nothing that we can read: only an empty one is a success."""
    if body:
        raise DecodeError
    return Partial()


READERS: dict[str, Callable[[bytes], Partial]] = {
    "": from_protobuf,
    "application/x-protobuf": from_protobuf,
    "application/octet-stream": from_protobuf,
    "application/json": _from_json,
}
"""How the body of a 2xx answer is read, by its content type."""


def one_line(text: str) -> str:
    """A server's words on one line."""
    return " ".join(text.split())
