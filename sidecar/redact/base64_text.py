"""Text that is encoded in base64 as a whole: an `.env` file, a token, a manifest; read as what it says."""

import binascii
import re
from collections.abc import Callable

from sidecar.redact.escapes import Search
from sidecar.redact.rules import Rule

Span = tuple[int, int]

_REACH = 4096
"""Bytes of a run that are read on either side of what gave it away; once for each so many bytes."""
_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_RUN = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_MORE_LINES = re.compile(rb"(?:(?:\r?\n|\\{1,3}n)[A-Za-z0-9+/]{2,76}={0,2}(?![^\s\"'\\])){1,100}")
_WRAPPED = (60, 64, 72, 76)
"""Characters in a line of those who break base64 into lines: RFC 2045, RFC 7468, base64(1)."""
_SHORTEST = 24
_NO_TEXT = bytes({*range(9), *range(14, 32), *range(127, 256)})
_MOST_NO_TEXT = 0.05


def finder(rule: Rule, search: Search) -> Callable[[bytes, int, int], Span | None]:
    """The finder of that rule: a run of base64 goes when `search` finds a secret in what it says."""
    hint = re.compile(b"|".join(re.escape(literal.encode()) for literal in rule.gate))

    def find(data: bytes, start: int, _end: int) -> Span | None:
        begin, end = _run(data, start)
        if end - begin < _SHORTEST or hint.search(data, max(begin, start - start % _REACH), start):
            return None  # an earlier hint in the run has had it read
        if not any(_secret(text, search) for text in _texts(data[begin:end])):
            return None
        return begin, _last_line(data, begin, end)

    return find


def _run(data: bytes, start: int) -> tuple[int, int]:
    left = data[max(0, start - _REACH) : start]
    run = _RUN.match(data, start, start + _REACH)
    return start - (len(left) - len(left.rstrip(_SIGNS))), run.end() if run else start


def _texts(run: bytes) -> list[bytes]:
    """What the run says, from each place where it may begin: a `/` before it looks like a part of it."""
    decoded = (_decoded(run.rstrip(b"=")[offset:]) for offset in range(4))
    return [text for text in decoded if len(text.translate(None, _NO_TEXT)) >= len(text) * (1 - _MOST_NO_TEXT)]


def _decoded(run: bytes) -> bytes:
    return binascii.a2b_base64(run[: len(run) // 4 * 4] if len(run) % 4 == 1 else run + b"=" * (-len(run) % 4))


def _secret(text: bytes, search: Search) -> bool:
    return any(rule.kind != "pii" for _, _, rule in search(text))


def _last_line(data: bytes, begin: int, end: int) -> int:
    more = _MORE_LINES.match(data, end) if end - begin in _WRAPPED else None
    return more.end() if more else end
