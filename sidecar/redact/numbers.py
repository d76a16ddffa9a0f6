"""Numbers that belong to people: cards, social security, phones, bank accounts.

Such numbers have no literal to go by, so one gate looks for seven digits close together, and the rules are searched
in the whole run of digits and separators around it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from sidecar.redact.rules import Rule
from sidecar.redact.validators import VALIDATORS

GATE = r"[0-9](?:[-. ()/]{0,2}[0-9]){6}"
"""Seven digits with at most two separators between them; its end is what a scanner reports."""

_RUN = b"0123456789-. ()/+"
_REST_OF_RUN = re.compile(rb"[0-9\-. ()/+]*")
_LONGEST_START = 48
_LETTERS_OF_IBAN = 40
_LABEL_REACH = 32

Found = tuple[Rule, int, int]


class Numbers:
    """The number rules, ready to search the surroundings of a gate."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [
            (rule, rule.compiled(), VALIDATORS[rule.validator], _label(rule), rule.id == "iban") for rule in rules
        ]

    def find(self, data: bytes, ends: Sequence[int]) -> Iterator[Found]:
        """Every number of a rule in the runs of digits around `ends`, the ascending ends of gates."""
        done = 0
        for end in ends:
            if end > done:
                begin, done = _run(data, end, done)
                yield from self._in_run(data, begin, done)

    def _in_run(self, data: bytes, begin: int, end: int) -> Iterator[Found]:
        for rule, pattern, valid, label, wide in self._rules:
            first = max(0, begin - _LETTERS_OF_IBAN) if wide else begin
            last = end + _LETTERS_OF_IBAN if wide else end + 1
            for match in pattern.finditer(data, first, last):
                start, stop = match.span()
                if valid(match[0]) and (label is None or label.search(data, max(0, start - _LABEL_REACH), start)):
                    yield rule, start, stop


def _label(rule: Rule) -> re.Pattern[bytes] | None:
    if not rule.label:
        return None
    return re.compile(rb"(?i)(?:^|[^a-z])(?:" + rule.label.encode() + rb")(?![a-z])[^0-9\n\xff]{0,24}\Z")


def _run(data: bytes, end: int, done: int) -> tuple[int, int]:
    before = data[max(done, end - _LONGEST_START) : end]
    begin = end - (len(before) - len(before.rstrip(_RUN)))
    rest = _REST_OF_RUN.match(data, end)
    return begin, rest.end() if rest else end
