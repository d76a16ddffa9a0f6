"""The OTLP exporter over gRPC, against a real server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from exporters import Outcome
from exporters.otlp import Identity, OtlpExporter, Signal, config_from_env
from exporters.otlp.grpc import DETAILS
from sidecar.errors import ExportError, PermanentExportError, TransientExportError
from sidecar.otel.spans import spans_of_turn
from tests import recorded
from tests.otlp_receiver import ReceivedSpan, decoded


class Service(grpc.GenericRpcHandler):
    """The trace service; `refuse` makes the next call fail with a code and, if given, seconds to wait."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.metadata: dict[str, str] = {}
        self.refuse: tuple[grpc.StatusCode, float | None] | None = None
        self.rejects = 0

    def service(self, details: Any) -> Any:
        """The handler of the one method that there is."""
        self.metadata = dict(details.invocation_metadata)
        known = details.method == Signal.TRACES.grpc_method
        return grpc.unary_unary_rpc_method_handler(self._export) if known else None

    def _export(self, body: bytes, context: Any) -> bytes:
        if self.refuse:
            self._fail(context)
        self.spans += decoded(ExportTraceServiceRequest.FromString(body))
        told = ExportTracePartialSuccess(rejected_spans=self.rejects, error_message="late")
        return ExportTraceServiceResponse(partial_success=told).SerializeToString()

    def _fail(self, context: Any) -> None:
        code, wait = self.refuse or (grpc.StatusCode.UNKNOWN, None)
        if wait is not None:
            info = AnyMessage()
            info.Pack(RetryInfo(retry_delay=Duration(nanos=int(wait * 1e9))))
            context.set_trailing_metadata([(DETAILS, Status(details=[info]).SerializeToString())])
        context.abort(code, "no")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def exporter(service: Service) -> Iterator[OtlpExporter]:
    server = grpc.server(ThreadPoolExecutor(2), [service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    config = config_from_env(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=k",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3000",
        }
    )
    assert config is not None
    running = OtlpExporter(config, Identity("instance"))
    running.start()
    yield running
    running.close()
    server.stop(None).wait()


SPANS = [one for turn in recorded.by_trace(recorded.session("basic")).values() for one in spans_of_turn(turn)]


def test_spans_arrive(service: Service, exporter: OtlpExporter) -> None:
    """The same spans arrive as over HTTP, with the headers as metadata."""
    assert Outcome(reason="late") == exporter.export(SPANS)
    assert [one.span_id for one in SPANS] == [one.span_id for one in service.spans]
    assert "k" == service.metadata["x-key"]


def test_partial_success_is_seen(service: Service, exporter: OtlpExporter) -> None:
    """Rejected spans are counted."""
    service.rejects = 2
    assert Outcome(unnamed=2, reason="late") == exporter.export(SPANS)


@pytest.mark.parametrize(
    ("code", "wait"),
    [
        (grpc.StatusCode.UNAVAILABLE, None),
        (grpc.StatusCode.UNAVAILABLE, 0.5),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 0.25),
        (grpc.StatusCode.ABORTED, None),
    ],
)
def test_come_back_later(service: Service, exporter: OtlpExporter, code: grpc.StatusCode, wait: float | None) -> None:
    """Retryable codes are transient, with the time that RetryInfo asks for."""
    service.refuse = (code, wait)
    with pytest.raises(TransientExportError, match=code.name) as caught:
        exporter.export(SPANS)
    assert wait == caught.value.retry_after


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, PermanentExportError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, PermanentExportError),
        (grpc.StatusCode.UNAUTHENTICATED, TransientExportError),
        (grpc.StatusCode.UNIMPLEMENTED, TransientExportError),
    ],
)
def test_refusals(service: Service, exporter: OtlpExporter, code: grpc.StatusCode, kind: type[ExportError]) -> None:
    """What speaks of the request is for ever, exhaustion without a RetryInfo too; all else can be put right."""
    service.refuse = (code, None)
    with pytest.raises(kind, match=code.name):
        exporter.export(SPANS)


def test_nobody_there() -> None:
    """A refused connection is transient."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    config = config_from_env(env)
    assert config is not None
    exporter = OtlpExporter(config, Identity("instance"))
    exporter.start()
    with pytest.raises(TransientExportError, match="UNAVAILABLE"):
        exporter.export(SPANS)
    exporter.close()
