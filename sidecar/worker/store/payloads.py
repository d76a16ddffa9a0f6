"""Large payloads: kept in parts, because DuckDB takes 2,048 rows of a column in whole whatever it is asked for.

The row of such an event holds its head: the top-level fields that are short, and the beginning of long texts. All of
the payload is `payload_parts`, which the view `events` joins when a query names the payload.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from sidecar.events import HookEvent

INLINE_BYTES = 16 * 1024
"""A larger payload is kept in parts: 2,048 rows of this size are the default memory limit at rest."""
PART_CHARS = 4096
HEAD_CHARS = 1000
HEAD_BYTES = INLINE_BYTES // 2
MARK = '{"payload_parts":'
"""How every head begins."""

_json = msgspec.json.Encoder()

Part = tuple[int, int, str]
"""Sequence number of the event, number of the part, text."""


def is_large(event: HookEvent) -> bool:
    """Whether the event's payload is kept in parts."""
    return len(event.payload) > INLINE_BYTES


def parts_of(event: HookEvent) -> list[Part]:
    """The parts of a large payload, none of a small one."""
    if not is_large(event):
        return []
    return [(event.seq, number, text) for number, text in enumerate(pieces(bytes(event.payload).decode()))]


def pieces(text: str) -> list[str]:
    """The text in parts."""
    return [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]


def inline(event: HookEvent) -> str:
    """The payload as it stands in the event's row: whole, or its head."""
    return head(bytes(event.payload)) if is_large(event) else bytes(event.payload).decode()


def joined(parts: Iterable[Part]) -> dict[int, str]:
    """Sequence number → payload, from parts in any order."""
    found: dict[int, list[str]] = {}
    for seq, _, text in sorted(parts, key=lambda part: part[:2]):
        found.setdefault(seq, []).append(text)
    return {seq: "".join(texts) for seq, texts in found.items()}


def head(payload: bytes) -> str:
    """What stands in the row of a large payload."""
    try:
        fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        fields = {}
    kept: dict[str, Any] = {"payload_parts": -(-len(payload.decode()) // PART_CHARS)}
    left = HEAD_BYTES
    for name, raw in fields.items():
        if name in kept or bytes(raw).startswith((b"{", b"[")) or len(name) > HEAD_CHARS:
            continue
        value = msgspec.json.decode(bytes(raw))
        kept[name] = value[:HEAD_CHARS] if isinstance(value, str) else value
        left -= len(_json.encode((name, kept[name])))
        if left < 0:
            del kept[name]
            break
    return _json.encode(kept).decode()
