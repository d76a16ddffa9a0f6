"""How many values a JSON text holds, told before any is built: sixteen megabytes of `{},` are two gigabytes."""

SLICE_BYTES = 256 * 1024
"""Looked at in one go: a few milliseconds at worst, then others get the interpreter."""

_OPENING = (b",", b"[", b"{")


def values_in(body: bytes, limit: int) -> int:
    """About how many values the text holds: one for each comma and opening bracket outside strings, and one more.

    Counts no further once it is over `limit`. Of what is no JSON the number means nothing beyond the first error,
    where a decoder stops as well.
    """
    at_most = 1 + sum(_count(body[at : at + SLICE_BYTES]) for at in range(0, len(body), SLICE_BYTES))
    return at_most if at_most <= limit else _outside_strings(body, limit)


def _outside_strings(body: bytes, limit: int) -> int:
    found, at, inside = 1, 0, False
    while at < len(body) and found <= limit:
        piece = body[at : at + SLICE_BYTES]
        at += len(piece) + _ends_in_escape(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        found += _count(b'"'.join(parts[int(inside) :: 2]))
        inside ^= len(parts) % 2 == 0
    return found


def _ends_in_escape(piece: bytes) -> int:
    """1 when what comes next is escaped by the last byte of this piece."""
    return (len(piece) - len(piece.rstrip(b"\\"))) % 2


def _count(text: bytes) -> int:
    return sum(text.count(sign) for sign in _OPENING)
