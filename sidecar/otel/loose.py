"""Reading single fields of a payload that may hold anything and may be megabytes long.

A field is a slice of the payload's JSON (`msgspec.Raw`) until it is asked for; a wrong type is as good as
absent.
"""

from functools import lru_cache
from typing import Any, TypeVar

import msgspec

Shape = TypeVar("Shape")

ABSENT = msgspec.Raw()
"""A field that the payload does not have."""

HEAD_BYTES = 2048
"""How much of a long string is read when only its beginning matters."""

LONGEST_ESCAPE = 12
"""Bytes of a surrogate pair as JSON escapes: a cut may have to go back this far."""


class _Block(msgspec.Struct):
    text: msgspec.Raw = ABSENT


def typed(raw: msgspec.Raw | bytes, shape: type[Shape]) -> Shape | None:
    """The field as `shape`, None when it is absent or something else."""
    if raw is ABSENT:
        return None
    try:
        found: Shape = _decoder(shape).decode(raw)  # type: ignore[arg-type]  # types can be hashed
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found


@lru_cache(32)
def _decoder(shape: Any) -> Any:
    """Made once for each shape: making it takes longer than reading a field."""
    return msgspec.json.Decoder(shape)


def each(raw: msgspec.Raw, shape: type[Shape]) -> list[Shape]:
    """The items of a list that have that shape; the others are left out."""
    items = typed(raw, list[msgspec.Raw]) or []
    return [item for item in (typed(one, shape) for one in items) if item is not None]


def head(raw: msgspec.Raw) -> str:
    """The beginning of a string, or of the first text block of a list of blocks; else empty."""
    text = bytes(memoryview(raw)[:HEAD_BYTES])
    if text[:1] == b"[":
        blocks = each(raw, _Block)
        return head(blocks[0].text) if blocks else ""
    return _cut_string(text) if size(raw) > HEAD_BYTES else typed(raw, str) or ""


def size(raw: msgspec.Raw | bytes) -> int:
    """Bytes of the field's JSON; 0 when it is absent."""
    return memoryview(raw).nbytes


def prefix(raw: msgspec.Raw, limit: int) -> str:
    """At most `limit` UTF-8 bytes of the field's JSON as text."""
    return bytes(memoryview(raw)[:limit]).decode("utf-8", "ignore")


def cut(text: str, limit: int) -> str:
    """At most `limit` UTF-8 bytes of a text, whole characters only."""
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _cut_string(text: bytes) -> str:
    """The string that these first bytes of a JSON string hold, back to before a character cut in two."""
    for back in range(LONGEST_ESCAPE + 1):
        found = typed(text[: len(text) - back] + b'"', str)
        if found is not None:
            return found
    return ""
