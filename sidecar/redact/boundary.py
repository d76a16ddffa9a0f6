"""Where a token may begin: what may stand on its left."""

import re
from collections.abc import Callable

ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_WORD = ALNUM | frozenset(b"_-")
_DOTTED = _WORD | frozenset(b".")
_FARTHEST = 24
_BASE64 = bytes(ALNUM) + b"+/"
_BASE64_REACH = 16
_MANY_SLASHES = 3
_ESCAPE = re.compile(
    rb"(?:\\[nrtbfv0ae]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|&[a-z]{2,5};"
    rb"|(?:\x1b|\\u001[bB]|\\x1[bB]|\\0?33|\\e|\^\[)\[[0-9;]{0,16}[mK])\Z"
)


def escaped(data: bytes, at: int) -> bool:
    """The letter before belongs to an escaped line end, `%3D` or a terminal colour, not to what begins here."""
    return _ESCAPE.search(data, max(0, at - _FARTHEST), at) is not None


def _in_base64(data: bytes, at: int) -> bool:
    # A `+` or `/` in the middle of base64 is no boundary; one in a path or query is.
    if data[at - 1] not in b"+/" or at < _BASE64_REACH:
        return False
    before = data[at - _BASE64_REACH : at]
    return (
        not before.strip(_BASE64)
        and not (before.islower() or before.isupper())
        and before.count(b"/") < _MANY_SLASHES
    )


def token(data: bytes, at: int) -> bool:
    """No ASCII letter or digit on the left, unless it ends an escape sequence."""
    return not at or (data[at - 1] not in ALNUM and not _in_base64(data, at)) or escaped(data, at)


def word(data: bytes, at: int) -> bool:
    """As `token`, and no `_` or `-` on the left either: for short, common prefixes."""
    return not at or (data[at - 1] not in _WORD and not _in_base64(data, at)) or escaped(data, at)


def dotted(data: bytes, at: int) -> bool:
    """As `word`, and no dot either: for prefixes that look like members of an object."""
    return not at or data[at - 1] not in _DOTTED or escaped(data, at)


def anywhere(_data: bytes, _at: int) -> bool:
    """Anything may stand on the left."""
    return True


BOUNDARIES: dict[str, Callable[[bytes, int], bool]] = {
    "token": token,
    "word": word,
    "dotted": dotted,
    "any": anywhere,
}
