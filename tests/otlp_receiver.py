"""A real OTLP/HTTP receiver for tests: decodes protobuf, and answers badly when told to.

with OtlpReceiver() as receiver:
    ...  # OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url
    until(lambda: len(receiver.spans) >= 8, "the spans arrive")
    names = [span.name for span in receiver.spans]
"""

import gzip
import ssl
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class ReceivedEvent:
    name: str
    at_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it came over the wire: ids in hex, no parent for a root, status as OTLP's number."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str
    events: tuple[ReceivedEvent, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ReceivedLog:
    """A log record as it came over the wire: ids in hex, None where it has none."""

    event_name: str
    trace_id: str | None
    span_id: str | None
    severity: int
    body: str
    at_ns: int
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass(frozen=True)
class ReceivedPoint:
    """One series: a number, or the sum and the counts of a histogram's buckets; ids of its exemplars in hex."""

    value: float
    buckets: tuple[int, ...]
    since_ns: int
    exemplars: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReceivedMetric:
    """A metric as it came over the wire; series by their attributes, sorted by name."""

    name: str
    unit: str
    kind: str
    temporality: int
    bounds: tuple[float, ...]
    points: dict[tuple[tuple[str, str], ...], ReceivedPoint]
    resource: dict[str, Any]


@dataclass(frozen=True)
class ReceivedRequest:
    """One POST: its path, headers (lower case) and body after decompression."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer instead of a plain success.

    Args:
        status: HTTP status; spans are only taken with 2xx.
        headers: further headers.
        body: None for an empty response message.
        stall: seconds to wait before answering.
        reset: closes the connection instead of answering.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    stall: float = 0.0
    reset: bool = False


def partial(rejected: int, message: str = "") -> Answer:
    """A success that rejects some spans."""
    told = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return Answer(body=ExportTraceServiceResponse(partial_success=told).SerializeToString())


class OtlpReceiver:
    """Listens on a free port of the loopback interface while its context lasts.

    Args:
        port: a fixed port, to come back on the same one after an outage; 0 for any.
        drop: counts spans and log records without keeping them, for benchmarks.
        tls: serves https with it.
    """

    def __init__(self, *, port: int = 0, drop: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._lock = threading.Lock()
        self._spans: list[ReceivedSpan] = []
        self._logs: list[ReceivedLog] = []
        self._metrics: dict[str, ReceivedMetric] = {}
        self._requests: list[ReceivedRequest] = []
        self._answers: deque[Answer] = deque()
        self._default = Answer()
        self._stopping = threading.Event()
        self._drop = drop
        self.count = 0
        self.log_count = 0
        self._server = _Server(("127.0.0.1", port), self)
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[ReceivedSpan]:
        """Every span taken so far, in order of arrival, repeats included."""
        with self._lock:
            return list(self._spans)

    @property
    def logs(self) -> list[ReceivedLog]:
        """Every log record taken so far, in order of arrival, repeats included."""
        with self._lock:
            return list(self._logs)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, refused ones too."""
        with self._lock:
            return list(self._requests)

    def answer(self, *answers: Answer) -> None:
        """Gives the next requests these answers, then the usual one again."""
        with self._lock:
            self._answers.extend(answers)

    def answer_always(self, answer: Answer) -> None:
        """Gives every request this answer from now on."""
        with self._lock:
            self._default = answer

    def take(self, request: ReceivedRequest) -> Answer:
        """Notes a request and decides the answer; called by the server's threads."""
        with self._lock:
            if not self._drop:
                self._requests.append(request)
            answer = self._answers.popleft() if self._answers else self._default
        self._stopping.wait(answer.stall)
        if answer.reset or not 200 <= answer.status < 300:
            return answer
        try:
            KEEP.get(request.path.rpartition("/")[2], OtlpReceiver.keep_spans)(self, request.body)
        except DecodeError:
            return Answer(status=400)
        return answer

    def keep_logs(self, body: bytes) -> None:
        """Takes the log records of a request."""
        request = ExportLogsServiceRequest.FromString(body)
        found = () if self._drop else decoded_logs(request)
        with self._lock:
            self._logs.extend(found)
            self.log_count += sum(len(s.log_records) for r in request.resource_logs for s in r.scope_logs)

    @property
    def metrics(self) -> dict[str, ReceivedMetric]:
        """The newest state of every metric by name."""
        with self._lock:
            return dict(self._metrics)

    def keep_metrics(self, body: bytes) -> None:
        """Takes the metrics of a request in place of older ones."""
        found = decoded_metrics(ExportMetricsServiceRequest.FromString(body))
        with self._lock:
            self._metrics |= {metric.name: metric for metric in found}

    def keep_spans(self, body: bytes) -> None:
        """Takes the spans of a request."""
        request = ExportTraceServiceRequest.FromString(body)
        found = () if self._drop else decoded(request)
        with self._lock:
            self._spans.extend(found)
            self.count += sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)


KEEP = {"traces": OtlpReceiver.keep_spans, "logs": OtlpReceiver.keep_logs, "metrics": OtlpReceiver.keep_metrics}
"""What takes the requests to a path that ends so; any other path takes spans."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], receiver: OtlpReceiver) -> None:
        self.receiver = receiver
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Takes one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.receiver.take(ReceivedRequest(self.path, headers, body))
        if answer.reset:
            self.close_connection = True
            return
        self._reply(answer)

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _reply(self, answer: Answer) -> None:
        content = answer.body or b""
        self.send_response(answer.status)
        for name, value in ({"Content-Type": PROTOBUF} | dict(answer.headers)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def decoded(request: ExportTraceServiceRequest) -> list[ReceivedSpan]:
    """The spans of a request, each with its resource."""
    return [
        _span(span, _plain(group.resource.attributes), scoped.scope.name)
        for group in request.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def decoded_logs(request: ExportLogsServiceRequest) -> list[ReceivedLog]:
    """The log records of a request, each with its resource."""
    return [
        ReceivedLog(
            event_name=record.event_name,
            trace_id=record.trace_id.hex() or None,
            span_id=record.span_id.hex() or None,
            severity=record.severity_number,
            body=record.body.string_value,
            at_ns=record.time_unix_nano,
            attributes=_plain(record.attributes),
            resource=_plain(group.resource.attributes),
        )
        for group in request.resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]


def decoded_metrics(request: ExportMetricsServiceRequest) -> list[ReceivedMetric]:
    """The metrics of a request, each with its resource."""
    return [
        _metric(metric, _plain(group.resource.attributes))
        for group in request.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    ]


def _metric(metric: Any, resource: dict[str, Any]) -> ReceivedMetric:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    return ReceivedMetric(
        name=metric.name,
        unit=metric.unit,
        kind=kind,
        temporality=0 if kind == "gauge" else data.aggregation_temporality,
        bounds=tuple(data.data_points[0].explicit_bounds) if kind == "histogram" else (),
        points={tuple(sorted(_plain(point.attributes).items())): _point(kind, point) for point in data.data_points},
        resource=resource,
    )


def _point(kind: str, point: Any) -> ReceivedPoint:
    histogram = kind == "histogram"
    return ReceivedPoint(
        value=point.sum if histogram else point.as_double,
        buckets=tuple(point.bucket_counts) if histogram else (),
        since_ns=point.start_time_unix_nano,
        exemplars=tuple((one.trace_id.hex(), one.span_id.hex()) for one in point.exemplars),
    )


def _span(span: Any, resource: dict[str, Any], scope: str) -> ReceivedSpan:
    return ReceivedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=span.status.code,
        attributes=_plain(span.attributes),
        resource=resource,
        scope=scope,
        events=tuple(ReceivedEvent(one.name, one.time_unix_nano, _plain(one.attributes)) for one in span.events),
        links=tuple((one.trace_id.hex(), one.span_id.hex()) for one in span.links),
    )


def _plain(attributes: Sequence[Any]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
