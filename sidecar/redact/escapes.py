"""Secrets that are not written plainly: letters as escapes, zero-width characters or a colour between them.

Numbers of people with no-break spaces between their digits as well.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

from sidecar.redact.boundary import ALNUM
from sidecar.redact.rules import Rule

Span = tuple[int, int]
Search = Callable[[bytes], Sequence[tuple[int, int, Rule]]]

_REACH_LEFT = 256
_REACH_RIGHT = 768
_WORD = ALNUM | frozenset(b"_-")
_BLANK = (b"\xc2\xa0", b"\xe2\x80\xaf")
_AROUND = 64
_NEAR = 24
_GROUP = re.compile(rb"[0-9](?:\xc2\xa0|\xe2\x80\xaf)(?:[0-9]{2}|[0-9]{4})\Z")
"""Before a blank inside a number that was read at the blank before."""
_EVERY = 240
"""Of a row of letters that are near each other one in so many bytes is read: what lies between is in its reach."""
_READ = re.compile(
    rb"\\u00(?:3[0-9]|[46][0-9A-Fa-f]|5[0-9aAfF]|7[0-9aA])|%(?:5[fF]|2[dD])"
    rb"|[A-Za-z0-9_-](?:\xe2\x80[\x8b\x8c]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad)[A-Za-z0-9_-]"
    rb"|[_-](?:\x1b\[[0-9;]{0,16}[mK]){1,4}[A-Za-z0-9_-]"
)
"""What the rules with this finder begin with, where it is read."""
_ESCAPED = re.compile(
    rb"\\{1,7}u00(?P<json>2[1-9a-fA-F]|[346][0-9a-fA-F]|5[0-9abdefABDEF]|7[0-9a-eA-E])"  # no backslash, no control
    rb"|%(?P<percent>2[1-9a-fA-F]|[346][0-9a-fA-F]|5[0-9abdefABDEF]|7[0-9a-eA-E])"
    rb"|(?P<blank>\xc2\xa0|\xe2\x80\xaf)"
    rb"|(?:\xe2\x80[\x8b\x8c]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad"
    rb"|(?:\x1b|\\{1,7}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,16}[mK])+"
)


def finder(rule: Rule, search: Search) -> Callable[[bytes, int, int], Span | None]:
    """The finder of that rule: reads the surroundings of an escape as they are meant, by all rules of `search`."""
    match = rule.compiled().match

    def find(data: bytes, start: int, _end: int) -> Span | None:
        found = match(data, start)
        if found is None or _in_a_row(data, start) or not _in_word(data, start, found.end()):
            return None
        left, right = (_AROUND, _AROUND) if data.startswith(_BLANK, start) else (_REACH_LEFT, _REACH_RIGHT)
        first = max(0, start - left)
        plain, places, shifts = _plain(data[first : start + right])
        for begin, stop, _ in search(plain):
            span = first + _raw(begin, places, shifts), first + _raw(stop, places, shifts)
            # A space hides nothing behind it: it is part of a number or of no concern.
            if span[1] > start and (span[0] < start or not data.startswith(_BLANK, start)):
                return span
        return None

    return find


def _in_a_row(data: bytes, start: int) -> bool:
    if start % _EVERY < _NEAR:
        return False
    if data.startswith(_BLANK, start):
        return _GROUP.search(data, max(0, start - _NEAR), start) is not None
    return _READ.search(data, max(0, start - _NEAR), start + 1) is not None


def _in_word(data: bytes, start: int, end: int) -> bool:
    """Letters stand on both sides; a sign without width in prose or in front of a word hides nothing."""
    if data[start] in b"\\%":
        return True
    before = data[start] if data[start] in _WORD else data[start - 1 : start].ljust(1)[0]
    return before in _WORD and data[end : end + 1].ljust(1)[0] in _WORD


def _plain(piece: bytes) -> tuple[bytes, list[int], list[int]]:
    """The text without escapes; where in it each of them stood, and how far behind that the raw text goes on."""
    parts: list[bytes] = []
    places, shifts = [], []
    at = length = 0
    for escape in _ESCAPED.finditer(piece):
        code = escape["json"] or escape["percent"]
        sign = bytes((int(code, 16),)) if code else b" " if escape["blank"] else b""
        parts += (piece[at : escape.start()], sign)
        length += escape.start() - at + len(sign)
        at = escape.end()
        places.append(length)
        shifts.append(at - length)
    parts.append(piece[at:])
    return b"".join(parts), places, shifts


def _raw(place: int, places: list[int], shifts: list[int]) -> int:
    number = bisect_right(places, place)
    return place + (shifts[number - 1] if number else 0)
