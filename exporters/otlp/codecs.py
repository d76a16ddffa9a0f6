"""How the items of each signal are encoded; a signal's messages are loaded when it is first used."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporters.otlp.signals import Signal

Groups = Iterable[tuple[Resource, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Codec:
    """One signal's encoding.

    Args:
        noun: what one item is called in a message.
        wire: an item as its protobuf message; raises ValueError when it is not fit to be sent.
        request: messages by resource as the bytes of a whole request; equal groups give equal bytes.
    """

    noun: str
    wire: Callable[[Any], Any]
    request: Callable[[Groups], bytes]


def _spans() -> Codec:
    from exporters.otlp.encode import request_bytes, wire_span

    return Codec("span", wire_span, request_bytes)


def _logs() -> Codec:
    from exporters.otlp.encode_logs import request_bytes, wire_log

    return Codec("log record", wire_log, request_bytes)


def _metrics() -> Codec:
    from exporters.otlp.encode_metrics import request_bytes, wire_metric

    return Codec("metric", wire_metric, request_bytes)


CODECS: Mapping[Signal, Callable[[], Codec]] = {
    Signal.TRACES: _spans,
    Signal.LOGS: _logs,
    Signal.METRICS: _metrics,
}
"""What encodes each signal that can be exported."""
