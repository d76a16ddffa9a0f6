"""The OTLP exporter: encodes a batch of spans, sends it, and reads the answer to the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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

MAX_REQUEST_BYTES = 3 * 2**20
"""Of spans in one request: gRPC servers refuse messages over 4 MiB unless they are told otherwise."""


@dataclass(slots=True)
class _Piece:
    """What fits into one request: spans by service, and their indexes in the batch."""

    services: dict[str, list[WireSpan]] = field(default_factory=dict)
    indexes: list[int] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _Tally:
    """What became of a batch so far."""

    rejected: dict[int, str] = field(default_factory=dict)
    unnamed: int = 0
    reason: str = ""

    def add(self, told: Partial, indexes: Sequence[int]) -> None:
        self.reason = self.reason or told.reason
        if told.rejected >= len(indexes):
            self.rejected |= dict.fromkeys(indexes, told.reason)
        else:
            self.unnamed += told.rejected

    def outcome(self) -> Outcome:
        rejections = tuple(Rejection(index, reason) for index, reason in sorted(self.rejected.items()))
        return Outcome(rejections, unnamed=self.unnamed, reason=self.reason)


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
        """Sends a batch, in as few requests as `MAX_REQUEST_BYTES` allows.

        A span that cannot be encoded is rejected alone. Of a partial success OTLP tells how many spans were
        rejected but not which, and wants no repeat: unless all were, they are reported as `unnamed`.
        """
        if self._transport is None:
            raise PermanentExportError("the OTLP exporter was not started", hint="call start() first")
        tally = _Tally()
        for piece in _pieces(batch, tally):
            groups = [self._group(service, spans) for service, spans in piece.services.items()]
            tally.add(self._transport.send(request_bytes(groups)), piece.indexes)
        return tally.outcome()

    def close(self) -> None:
        """Releases the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _group(self, service: str, spans: Sequence[WireSpan]) -> ResourceSpans:
        resource = resource_of(service, self._identity, self._config)
        return ResourceSpans(resource=resource, scope_spans=[scoped(spans)], schema_url=semconv.SCHEMA_URL)


def _pieces(batch: Sequence[Span], tally: _Tally) -> Iterator[_Piece]:
    """The batch in order, cut so that each piece fits into one request; unfit spans go into the tally."""
    piece = _Piece()
    for index, span in enumerate(batch):
        try:
            wire = wire_span(span)
        except (ValueError, TypeError, AttributeError) as error:
            tally.rejected[index] = f"the span cannot be encoded ({type(error).__name__})"
            continue
        size = wire.ByteSize()
        if piece.indexes and piece.size + size > MAX_REQUEST_BYTES:
            yield piece
            piece = _Piece()
        piece.services.setdefault(span.service, []).append(wire)
        piece.indexes.append(index)
        piece.size += size
    if piece.indexes:
        yield piece


def _transport(config: OtlpConfig) -> Transport:
    """The transport of the configured protocol; gRPC's library is heavy and loaded only when chosen."""
    if config.protocol is Protocol.GRPC:
        from exporters.otlp.grpc import GrpcTransport

        return GrpcTransport(config)
    from exporters.otlp.http import HttpTransport

    return HttpTransport(config)
