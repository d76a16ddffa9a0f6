"""The OTLP exporter: encodes a batch of one signal, sends it, and reads the answer to the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from exporters import Outcome, Rejection
from exporters.otlp.answers import MAX_REASON, Partial
from exporters.otlp.codecs import CODECS, Codec
from exporters.otlp.config import OtlpConfig, Protocol
from exporters.otlp.resource import Identity, resource_of
from exporters.otlp.signals import Signal
from exporters.otlp.transport import Transport
from exporters.unsaid import unsaid
from sidecar.errors import PermanentExportError, SignalNotTakenError

MAX_REQUEST_BYTES = 3 * 2**20
"""Of items in one request: gRPC servers refuse messages over 4 MiB unless they are told otherwise."""


@dataclass(slots=True)
class _Piece:
    """What fits into one request: messages by service, and their indexes in the batch."""

    services: dict[str, list[Any]] = field(default_factory=dict)
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
    """Pushes spans, log records or metrics to one OTLP backend.

    The same items are the same bytes, however often they are sent.

    Args:
        config: what to send, where to and how.
        identity: what the resource says of this host.
    """

    def __init__(self, config: OtlpConfig, identity: Identity) -> None:
        self._config = config
        self._identity = identity
        self._codec: Codec = CODECS[config.signal]()
        self._transport: Transport | None = None

    def start(self) -> None:
        """Prepares the connection; the backend is first asked when there is something to send."""
        self.close()
        self._transport = _transport(self._config)

    def export(self, batch: Sequence[Any]) -> Outcome:
        """Sends a batch, in requests of at most `MAX_REQUEST_BYTES` unless one item alone is larger.

        An item that cannot be encoded is rejected alone. Of a partial success OTLP tells how many items were
        rejected but not which, and wants no repeat: unless all were, they are reported as `unnamed`. A backend
        that takes traces only leaves out the other signals as `skipped`.
        """
        if self._transport is None:
            raise PermanentExportError("the OTLP exporter was not started", hint="call start() first")
        tally = _Tally()
        try:
            for piece in _pieces(batch, self._codec, tally):
                tally.add(self._unsaid(self._transport.send(self._request(piece))), piece.indexes)
        except SignalNotTakenError as error:
            if self._config.signal is Signal.TRACES:
                raise
            return Outcome(skipped=len(batch), reason=str(error))
        return tally.outcome()

    def close(self) -> None:
        """Releases the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _unsaid(self, told: Partial) -> Partial:
        """The same in few words, without what they quote of our headers: a value, or what follows its scheme."""
        values = [value for _, value in self._config.headers]
        reason = unsaid(told.reason, [*values, *(value.rpartition(" ")[2] for value in values)])
        return Partial(told.rejected, reason[:MAX_REASON])

    def _request(self, piece: _Piece) -> bytes:
        services = piece.services.items()
        return self._codec.request([(resource_of(name, self._identity, self._config), one) for name, one in services])


def _pieces(batch: Sequence[Any], codec: Codec, tally: _Tally) -> Iterator[_Piece]:
    """The batch in order, cut so that each piece fits into one request; unfit items go into the tally."""
    piece = _Piece()
    for index, item in enumerate(batch):
        try:
            wire = codec.wire(item)
        except (ValueError, TypeError, AttributeError) as error:
            tally.rejected[index] = f"the {codec.noun} cannot be encoded ({type(error).__name__})"
            continue
        size = wire.ByteSize()
        if piece.indexes and piece.size + size > MAX_REQUEST_BYTES:
            yield piece
            piece = _Piece()
        piece.services.setdefault(item.service, []).append(wire)
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
