"""Secrets in the column of a table whose head names them: CSV, Markdown, and what psql and mysql print."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from sidecar.redact.fields import Field
from sidecar.redact.lines import margin
from sidecar.redact.validators import opaque
from sidecar.redact.values import is_secret

Span = tuple[int, int]

DELIMITERS = (b"|", b"\t", b",", b";")
_MOST_COLUMNS = 64
_LONGEST_HEAD = 2000
_LONGEST_ROW = 16_384
_HEAD_CELL = re.compile(rb"[A-Za-z_#*][\w.# */-]{0,47}")
_IN_HEAD = rb"[\w.# *\"'`/|\t,;-]"
_HEAD_END = re.compile(
    rb"(?:[ \"'`*]{1,64}+|\\{1,7}(?=\")){0,4}+"
    rb"(?:[|\t,;]" + _IN_HEAD + rb"{0,2000}+(?:\\{1,7}(?=\")" + _IN_HEAD + rb"{1,48}+){0,128}+"
    rb"|(?:\\{1,7}t[\w.# -]{1,48}){1,64}+)?"
    rb"(?:\r?\n|(?P<written>(?:\\{1,7}r)?(?P<depth>\\{1,7})n))"
)
"""What may follow a name in a head, up to the end of the line, which may be written as an escape."""
_AFTER_NAME = b" |\t,;\r\n\"'`*\\"
_ESCAPES = ((b"\\n", b" \n"), (b"\\t", b" \t"), (b"\\r", b"  "), (b'\\"', b' "'))
"""What stands for a line end, a tab or a quotation mark in a string of JSON, and the same in as many bytes."""
_ESCAPE = ord("\\")
_DEEPER = re.compile(rb"\\+(?=[ ])")
_FIRST_LOOK, _LONGEST_WRITTEN = 512, 16_384
"""Bytes of a table inside a string of JSON, where none is known yet and where one is."""
_NAME_FIRST = re.compile(rb"[|\s\"'`*]{0,64}[A-Za-z_#]")
_RULE = re.compile(rb"[-+=:| \t]{3,}")
"""The line under a head, or around a table."""
_QUOTES = b"\"'`"
_PADDING = b" \t\r*"
_SHORTEST_PASSWORD = 6

Claim = Callable[[bytes], Field | None]
"""What a name says of its values."""

Cut = Callable[[bytes], int]
"""How much of a line stands before the row."""


class _Table(NamedTuple):
    """How the rows of a table are read."""

    delimiter: bytes
    columns: int
    kinds: dict[int, Field]
    cut: Cut


def may_be_head(data: bytes, after: int) -> bool:
    """Whether a name that ends there may stand in the head of a table; most names do not."""
    return data[after] in _AFTER_NAME and _HEAD_END.match(data, after) is not None


def below(data: bytes, start: int, after: int, claim: Claim) -> list[Span]:
    """The secrets below the head that stands around a name at that place, in all of its columns that tell of some.

    Empty where it is no head. A row that is a head again ends the table: it has its own columns.

    Args:
        data: the text.
        start: where in the head the name stands.
        after: where the name ends.
        claim: what a name says of its values.
    """
    head = _HEAD_END.match(data, after)
    if head is None or not head["written"]:
        return _below(data, start, claim)
    found: list[Span] = []
    for most in (_FIRST_LOOK, _LONGEST_WRITTEN):  # most are no table, which its first rows show
        first, stop = _string(data, start, head.end() + most, head["depth"][1:] + b'"')
        found = _below(_printed(data[first:stop]), start - first, claim)
        if not found:
            break
    return [(begin + first, end + first) for begin, end in found]


def _string(data: bytes, start: int, most: int, quote: bytes) -> Span:
    """Where the string of JSON with that place in it starts and ends, or as much of it as is read."""
    first = max(0, start - _LONGEST_HEAD)
    first = max(data.rfind(b"\n", first, start) + 1, first)
    opened = data.rfind(quote, first, start)
    while opened > first and data[opened - 1] == _ESCAPE:  # a deeper one, of a cell
        opened = data.rfind(quote, first, opened)
    stop = data.find(b"\n", start, most)
    stop = stop if stop >= 0 else most
    closed = data.find(quote, start, stop)
    while closed >= 0 and data[closed - 1] == _ESCAPE:
        closed = data.find(quote, closed + 1, stop)
    return opened + len(quote) if opened >= 0 else first, closed if closed >= 0 else stop


def _printed(piece: bytes) -> bytes:
    for written, sign in _ESCAPES:
        piece = piece.replace(written, sign)
    return _DEEPER.sub(_as_blanks, piece) if b"\\ " in piece else piece


def _as_blanks(escapes: re.Match[bytes]) -> bytes:
    return b" " * len(escapes[0])


def _below(data: bytes, start: int, claim: Claim) -> list[Span]:
    begin = data.rfind(b"\n", max(0, start - _LONGEST_HEAD), start) + 1
    end = data.find(b"\n", start, begin + _LONGEST_HEAD)
    if end < 0 or (begin == 0 and start > _LONGEST_HEAD):
        return []
    head = data[begin:end]
    cut = margin if margin(head) else _no_margin
    head = head[cut(head) :]
    delimiter = next((sign for sign in DELIMITERS if sign in head), None)
    if delimiter is None or not _goes_on(data, end + 1, delimiter, head.count(delimiter), cut):
        return []
    names = _names(head, delimiter)
    kinds = {place: kind for place, name in enumerate(names) if name and (kind := claim(name))}
    return list(_values(data, end + 1, _Table(delimiter, len(names), kinds, cut), claim)) if kinds else []


def _no_margin(_row: bytes) -> int:
    return 0


def _goes_on(data: bytes, at: int, delimiter: bytes, count: int, cut: Cut) -> bool:
    """Whether the next line may be a row of as many columns: most that look like a head are a line of a program."""
    stop = data.find(b"\n", at, at + _LONGEST_ROW)
    row = data[at : stop if stop >= 0 else at + _LONGEST_ROW]
    row = row[cut(row) :]
    return row.count(delimiter) == count or b'"' in row or _RULE.fullmatch(row.rstrip(b"\r")) is not None


def _values(data: bytes, at: int, table: _Table, claim: Claim) -> Iterator[Span]:
    delimiter, columns, kinds, cut = table
    while at < len(data):
        stop = data.find(b"\n", at, at + _LONGEST_ROW)
        stop = min(len(data), at + _LONGEST_ROW) if stop < 0 else stop
        offset = at + cut(data[at:stop])
        row = data[offset:stop]
        if not _RULE.fullmatch(row.strip(b"\r")):
            quoted = b'"' in row
            cells = _quoted_cell(delimiter).findall(row + delimiter) if quoted else row.split(delimiter)
            if len(cells) != columns or (_NAME_FIRST.match(row) and any(map(claim, _names(row, delimiter)))):
                return
            for place, cell in enumerate(cells):
                if place in kinds and (span := _secret(cell, kinds[place])):
                    yield offset + span[0], offset + span[1]
                offset += len(cell) + 1
        at = stop + 1


def _names(row: bytes, delimiter: bytes) -> list[bytes]:
    """The cells of a row in which each one is a name, or empty at the row's ends; none of any other row."""
    cells = [cell.strip(_PADDING + _QUOTES) for cell in row.split(delimiter, _MOST_COLUMNS)]
    inside = cells[not cells[0] : len(cells) - (not cells[-1])]
    if not 1 < len(inside) <= _MOST_COLUMNS and not (delimiter == b"|" and len(inside) == 1):
        return []
    return cells if all(map(_HEAD_CELL.fullmatch, inside)) else []


@cache
def _quoted_cell(delimiter: bytes) -> re.Pattern[bytes]:
    """A cell of CSV: what stands in quotes may hold the delimiter (RFC 4180, 2)."""
    sign = re.escape(delimiter)
    return re.compile(rb'((?:[^"' + sign + rb']++|"[^"]*+"?+)*+)' + sign)


def _secret(cell: bytes, kind: Field) -> Span | None:
    """The place of a cell's value, without blanks and quotes, when it is a secret."""
    value = cell.lstrip(_PADDING).lstrip(_QUOTES)
    begin = len(cell) - len(value)
    value = value.rstrip(_PADDING).rstrip(_QUOTES).rstrip(_PADDING)
    if kind is Field.URL or not is_secret(kind, value, quoted=True, tight=True):
        return None
    told = kind is Field.PASSWORD and len(value) >= _SHORTEST_PASSWORD and not value.isalpha()
    return (begin, begin + len(value)) if told or opaque(value) else None
