"""Numbers that belong to people: cards, social security, phones, bank accounts.

Such numbers have no literal to go by, so one gate looks for seven digits close together, and the rules are
searched in the whole run of digits and separators around it.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from sidecar.redact.rules import Rule
from sidecar.redact.validators import VALIDATORS

GATE = r"(?:^|[^0-9A-Za-z_]|[0-9A-Z][A-Z]|[mnrt])[0-9](?:[-. ()/]{0,2}[0-9]){6}"
"""Seven digits with at most two separators between them, not inside a word; a scanner reports its end.

The letters are those that escaped line ends and terminal colours end with.
"""

_RUN = b"0123456789-. ()/+"
_REST_OF_RUN = re.compile(rb"[0-9\-. ()/+]*")
_LONGEST_START = 48
_LETTERS_OF_IBAN = 40
_LABEL_REACH = 32

_AROUND = 64
_WIDE = "iban"
_SOME_LABEL = re.compile(
    rb"(?i)ssn|social|tax|itin|phone|tel|mob|cel|fax|whatsapp|sms|call|msisdn|handy|tlf|puh|[ ]hp"
    rb"|[\xc4\xce-\xed][\x80-\xbf]"
)
_SOME_COUNTRY = re.compile(rb"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}[ A-Z0-9-]")

_ESCAPE = re.compile(rb"\\[nrt]|(?:\x1b|\\{1,8}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,16}[mK]")
_ESCAPE_REACH = 24
_NO_SIGN = b"\x01"
"""In place of an escape: neither a letter nor what may stand between the digits of a number."""

Found = tuple[Rule, int, int]
_Ready = tuple[Rule, re.Pattern[bytes], Callable[[bytes], bool], re.Pattern[bytes] | None]


class Numbers:
    """The number rules, ready to search the surroundings of a gate."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        made = [(rule, rule.compiled(), VALIDATORS[rule.validator], _label(rule)) for rule in rules]
        self._plain = [item for item in made if not item[3] and item[0].id != _WIDE]
        self._wide = [item for item in made if item[0].id == _WIDE]
        self._labelled = [item for item in made if item[3]]
        # Most runs of digits are no number of a person: one look says so.
        alternatives = (b"(?:" + item[1].pattern + b")" for item in self._plain)
        self._any = re.compile(b"|".join(alternatives) or b"(?!)", re.VERBOSE).search

    def find(self, data: bytes, ends: Iterable[int]) -> Iterator[Found]:
        """Every number of a rule in the runs of digits around `ends`, the ascending ends of gates."""
        done = 0
        for end in ends:
            if end > done:
                begin, done = _run(data, end, done)
                near = data[max(0, begin - _ESCAPE_REACH) : begin]
                if b"\\" in near or b"\x1b" in near:
                    first, window = _without_escapes(data, begin, done)
                    for rule, start, stop in self._in_run(window, begin - first, done - first):
                        yield rule, start + first, stop + first
                else:
                    yield from self._in_run(data, begin, done)

    def _in_run(self, data: bytes, begin: int, end: int) -> Iterator[Found]:
        if not _glued(data, begin, end):
            if self._any(data, begin, end + 1):
                yield from _search(self._plain, data, begin, end + 1)
            if _SOME_LABEL.search(data, max(0, begin - _LABEL_REACH), begin):
                yield from _search(self._labelled, data, begin, end + 1)
        if _after_capitals(data, begin):
            yield from _search(self._wide, data, max(0, begin - _LETTERS_OF_IBAN), end + _LETTERS_OF_IBAN)


def _without_escapes(data: bytes, begin: int, end: int) -> tuple[int, bytes]:
    """Where a piece around `begin..end` starts, and the piece: the last letter of an escape in it is no word."""
    first = max(0, begin - _AROUND)
    piece = data[first : end + _AROUND]
    return first, _ESCAPE.sub(lambda escape: _NO_SIGN * len(escape[0]), piece)


def _search(rules: list[_Ready], data: bytes, begin: int, end: int) -> Iterator[Found]:
    for rule, pattern, valid, label in rules:
        for match in pattern.finditer(data, begin, end):
            start, stop = match.span()
            if valid(match[0]) and (label is None or label.search(data, max(0, start - _LABEL_REACH), start)):
                yield rule, start, stop


def _glued(data: bytes, begin: int, end: int) -> bool:
    """The run is part of a longer word, such as a hash or an id."""
    if data[end : end + 1].isalpha() or data[begin - 1 : begin].isalpha():
        return data.find(b" ", begin, end) < 0
    return False


def _after_capitals(data: bytes, begin: int) -> bool:
    """A country code stands before the run, such as an account number begins with."""
    before = data[max(0, begin - 5) : begin]
    return (
        before != before.lower()
        and _SOME_COUNTRY.search(data, max(0, begin - _LETTERS_OF_IBAN), begin + 4) is not None
    )


def _label(rule: Rule) -> re.Pattern[bytes] | None:
    if not rule.label:
        return None
    return re.compile(rb"(?i)(?:^|[^a-z])(?:" + rule.label.encode() + rb")(?![a-z])[^0-9\n\]]{0,24}\Z")


def _run(data: bytes, end: int, done: int) -> tuple[int, int]:
    before = data[max(done, end - _LONGEST_START) : end]
    begin = end - (len(before) - len(before.rstrip(_RUN)))
    rest = _REST_OF_RUN.match(data, end)
    return begin, rest.end() if rest else end
