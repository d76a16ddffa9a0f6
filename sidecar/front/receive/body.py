"""Reading request bodies within bounds, and what can be kept of one that is too large."""

from dataclasses import dataclass
from typing import Any

from litestar.types import Receive

from sidecar.edges import EDGE_BYTES, metadata_at
from sidecar.errors import IngestError, MediaTypeError

JSON_TYPES = frozenset({"application/json", "text/json"})
NDJSON_TYPES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"}
)
PLAIN_ENCODINGS = frozenset({"", "identity"})


class DisconnectedError(IngestError):
    """The client went away before its body was complete."""

    status = 499


@dataclass(frozen=True, slots=True)
class Oversize:
    """A body over the limit: only its two ends were kept, and its length counted."""

    head: bytes
    tail: bytes
    size_bytes: int


async def read_body(receive: Receive, limit: int) -> bytes | Oversize:
    """The whole body up to `limit` bytes; of a larger one only its ends, the rest is read and let go.

    Raises:
        DisconnectedError: the client hung up in the middle; nothing is kept.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError("the client hung up before its body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        chunks.append(chunk)
        if size > limit:
            return await _skip_rest(receive, b"".join(chunks), size, more=message.get("more_body", False))
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _skip_rest(receive: Receive, start: bytes, size: int, *, more: bool) -> Oversize:
    head, tail = start[:EDGE_BYTES], start[-EDGE_BYTES:]
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError("the client hung up before its body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        tail = (tail + chunk)[-EDGE_BYTES:]
        more = message.get("more_body", False)
    return Oversize(head, tail, size)


def metadata_of(oversize: Oversize) -> dict[str, Any]:
    """What its two ends tell of a body over the limit; as unredacted as the body was."""
    return metadata_at(oversize.head, oversize.tail, oversize.size_bytes, "over_size_limit")


def media_type(content_type: bytes | str | None, encoding: bytes | str | None = None) -> str:
    """The media type of a JSON or NDJSON request, without parameters.

    Args:
        content_type: what the header of that name says.
        encoding: what `Content-Encoding` says.

    Raises:
        MediaTypeError: it is something else, or not said. A web page cannot send these types to another origin
            without asking first, which keeps forms and simple requests out. Or it is compressed: what a body of a
            few bytes unpacks to has no bound.
    """
    plain = _text(content_type).partition(";")[0].strip().lower()
    if _text(encoding).strip().lower() not in PLAIN_ENCODINGS:
        raise MediaTypeError("compressed bodies are not supported", hint="send it uncompressed, no Content-Encoding")
    if plain in JSON_TYPES or plain in NDJSON_TYPES:
        return plain
    raise MediaTypeError("the content type is not JSON", hint="send Content-Type: application/json")


def idempotency_key(header: bytes | str | None) -> str | None:
    """What the header of that name says, without the quotes of its draft standard; None when it says nothing."""
    key = _text(header).strip()
    is_quoted = len(key) > 1 and key[0] == key[-1] == '"'
    return (key[1:-1] if is_quoted else key) or None


def _text(header: bytes | str | None) -> str:
    return header.decode("latin-1") if isinstance(header, bytes) else header or ""
