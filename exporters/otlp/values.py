"""Plain values → protobuf, deterministic, and so that none can spoil a batch.

Protobuf refuses a whole message for one lone surrogate or one negative time, so every value is made fit
first. Source of the messages: opentelemetry-proto 1.9, common/v1/common.proto.
"""

from collections.abc import Mapping
from functools import lru_cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue

from sidecar.otel import semconv

MAX_VALUE_BYTES = 8192
MAX_NAME_BYTES = 512
MAX_ATTRIBUTES = 128
"""Beyond it attributes are left out; spans and log records count them in their own `dropped_*` field."""

REPEATED_CHARS = 64
REPEATED_PAIRS = 2048
"""Attributes that are kept as messages, and how long their text may be."""

INT64 = 2**63 - 1
UINT64 = 2**64 - 1
TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8

SCOPE = InstrumentationScope(name=semconv.SCOPE_NAME, version=semconv.SCOPE_VERSION)


def key_value(name: str, value: object) -> KeyValue:
    """One attribute, made fit for the wire; not to be changed, since others may hold the same message."""
    if isinstance(value, str) and len(value) <= REPEATED_CHARS:
        return _repeated(name, value)
    return KeyValue(key=fit_text(name, MAX_NAME_BYTES), value=any_value(value))


@lru_cache(REPEATED_PAIRS)
def _repeated(name: str, value: str) -> KeyValue:
    """Sessions, tools and operations come with every span: most pairs of a batch were seen before."""
    return KeyValue(key=fit_text(name, MAX_NAME_BYTES), value=AnyValue(string_value=fit_text(value, MAX_VALUE_BYTES)))


def key_values(attributes: Mapping[str, object]) -> list[KeyValue]:
    """The first `MAX_ATTRIBUTES` attributes, in their order."""
    return [key_value(name, value) for name, value in list(attributes.items())[:MAX_ATTRIBUTES]]


def any_value(value: object) -> AnyValue:
    """A value of any kind; what is no number is text."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=max(-INT64 - 1, min(INT64, value)))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=fit_text(str(value), MAX_VALUE_BYTES))


def id_bytes(text: str, size: int) -> bytes:
    """An id of `size` bytes from its hex digits.

    Raises:
        ValueError: it is no id.
    """
    found = bytes.fromhex(text)
    if len(found) != size or not any(found):
        raise ValueError(f"an id of {len(found)} bytes where {size}, not all zero, are needed")
    return found


def fit_text(text: str, limit: int) -> str:
    """Valid UTF-8 of at most `limit` bytes, whole characters only; lone surrogates become `?`."""
    if len(text) <= limit and text.isascii():
        return text
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def fit_time(nanos: int) -> int:
    """Nanoseconds since the epoch within what protobuf holds."""
    return max(0, min(UINT64, nanos))
