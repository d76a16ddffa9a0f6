"""The OTLP exporter: encodes a batch of spans, sends it, and reads the answer to the end."""

from collections.abc import Sequence

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from exporters import Outcome, Rejection
from exporters.otlp.answers import Partial
from exporters.otlp.config import OtlpConfig, Protocol
from exporters.otlp.encode import request_bytes, scoped, wire_span
from exporters.otlp.resource import Identity, resource_of
from exporters.otlp.transport import Transport
from sidecar.errors import PermanentExportError
from sidecar.otel import semconv
from sidecar.otel.model import Span


class OtlpExporter:
    """Pushes spans to one OTLP backend. The same spans are the same bytes, however often they are sent.

    Args:
        config: where to and how.
        identity: what the resource says of this host.
    """

    def __init__(self, config: OtlpConfig, identity: Identity) -> None:
        self._config = config
        self._identity = identity
        self._transport: Transport | None = None

    def start(self) -> None:
        """Prepares the connection; the backend is first asked when there is something to send."""
        self.close()
        self._transport = _transport(self._config)

    def export(self, batch: Sequence[Span]) -> Outcome:
        """Sends a batch.

        A span that cannot be encoded is rejected by itself. Of a partial success OTLP tells how many spans
        were rejected but not which, and wants no repeat: unless all were, they are reported as `unnamed`.
        """
        if self._transport is None:
            raise PermanentExportError("the OTLP exporter was not started", hint="call start() first")
        groups, unfit = self._encode(batch)
        sent = [index for index in range(len(batch)) if index not in unfit]
        told = self._transport.send(request_bytes(groups)) if sent else Partial()
        rejected = unfit | (dict.fromkeys(sent, told.reason) if told.rejected >= len(sent) > 0 else {})
        return Outcome(
            tuple(Rejection(index, rejected[index]) for index in sorted(rejected)),
            unnamed=told.rejected if told.rejected < len(sent) else 0,
            reason=told.reason,
        )

    def close(self) -> None:
        """Releases the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _encode(self, batch: Sequence[Span]) -> tuple[list[ResourceSpans], dict[int, str]]:
        """The batch by service, in order, and the reasons of spans that cannot be sent, by their index."""
        services: dict[str, list[WireSpan]] = {}
        unfit: dict[int, str] = {}
        for index, span in enumerate(batch):
            try:
                services.setdefault(span.service, []).append(wire_span(span))
            except (ValueError, TypeError, AttributeError) as error:
                unfit[index] = f"the span cannot be encoded ({type(error).__name__})"
        return [self._group(service, spans) for service, spans in services.items() if spans], unfit

    def _group(self, service: str, spans: Sequence[WireSpan]) -> ResourceSpans:
        resource = resource_of(service, self._identity, self._config)
        return ResourceSpans(resource=resource, scope_spans=[scoped(spans)], schema_url=semconv.SCHEMA_URL)


def _transport(config: OtlpConfig) -> Transport:
    """The transport of the configured protocol; gRPC's library is heavy and loaded only when chosen."""
    if config.protocol is Protocol.GRPC:
        from exporters.otlp.grpc import GrpcTransport

        return GrpcTransport(config)
    from exporters.otlp.http import HttpTransport

    return HttpTransport(config)
