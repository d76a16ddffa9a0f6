"""The engine: rules made ready, and the spans that they take out of a text."""

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from sidecar.redact import escapes, finders
from sidecar.redact.databases import scanner_for
from sidecar.redact.numbers import GATE, Numbers
from sidecar.redact.rules import Rule
from sidecar.redact.scanners import Gate, TooManyError

FREE_CANDIDATES = 20_000
"""Places to look at closely in one text, whatever its size."""

BYTES_PER_CANDIDATE = 12
"""Longer texts may have one more place for each so many bytes."""

MOST_CANDIDATES = 300_000
"""However long the text: a list of them is memory too."""

SECONDS = 0.8
"""Processor time for one text; longer texts have this for each megabyte."""

MOST_SECONDS = 2.0
"""However long the text."""

PATIENCE = {"hyperscan": 1.0, "python": 4.0}
"""How many times that an engine may take: plain Python reads a text once for each of its literals."""

SEPARATOR = b"\xff"
"""Stands between texts that are scanned together: a byte that UTF-8 never holds, so no text can forge it."""

_CHECK_EVERY = 0xFF
_MEGABYTE = 1_000_000

Found = tuple[int, int, Rule]
Hit = tuple[int, int]
"""The number of a gate, and where it ends."""
_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80
"""How UTF-8 marks every byte of a character but the first (RFC 3629, 3)."""


class OutOfTimeError(Exception):
    """The time budget is used up; holds nothing of the text."""


class Engine:
    """Rules compiled for one process; thread-safe.

    Args:
        rules: what to look for.
        prefer: "hyperscan", "python", or "" for the best there is.
        cache: a folder for compiled databases; None to compile each time.
    """

    def __init__(self, rules: Sequence[Rule], *, prefer: str = "", cache: Path | None = None) -> None:
        gated = [rule for rule in rules if rule.finder not in {"numbers", "field"}]
        gates, self._finders = _gates(gated, self.find)
        self._digits = len(gates)
        gates.append(Gate(b"", pattern=GATE))  # in the same scan: a second one costs nearly as much as the first
        self._finders.append(())
        self._sizes = [gate.size for gate in gates]
        self._numbers = Numbers(rule for rule in rules if rule.finder == "numbers")
        self._scanner = scanner_for(gates, prefer=prefer, cache=cache)
        self.name = self._scanner.name

    def find(self, data: bytes, until: float | None = None) -> list[Found]:
        """Spans to take out of one text; as `find_all`."""
        return self.find_all([data], until).get(0, [])

    def find_all(self, texts: Sequence[bytes], until: float | None = None) -> dict[int, list[Found]]:
        """Spans to take out of each text, by its number: ascending and without overlap, each with its rule.

        One scan shows where to look; then each text is read by itself, so that what is found in it never depends on
        the others. Texts with nothing in them are left out.

        Args:
            texts: where there are several none may hold `SEPARATOR`.
            until: when to give up, as `deadline` says it; that of these texts when not given.

        Raises:
            TooManyError: more candidates than the budget for texts of that size.
            OutOfTimeError: more time than the budget.
        """
        joined = SEPARATOR.join(texts)
        hits = self._scan(joined)
        if not hits:
            return {}
        # Few candidates need no clock, and reading it costs as much as looking at one of them.
        if until is None:
            until = self.deadline(len(joined)) if len(hits) > _CHECK_EVERY else 0.0
        found = {}
        for number, of_text in self._by_text(hits, texts).items():
            spans = self._find_in(texts[number], of_text, until)
            if spans:
                found[number] = spans
        return found

    def _scan(self, joined: bytes) -> list[Hit]:
        limit = min(FREE_CANDIDATES + len(joined) // BYTES_PER_CANDIDATE, MOST_CANDIDATES)
        hits = self._scanner.scan(joined, 2 * limit)
        if len(hits) > limit:
            digits = sum(gate == self._digits for gate, _ in hits)
            if max(digits, len(hits) - digits) > limit:  # each kind has its own
                raise TooManyError
        return hits

    def _by_text(self, hits: Sequence[Hit], texts: Sequence[bytes]) -> dict[int, list[Hit]]:
        """The hits of each text that has some, their ends relative to its start; one across a border is none."""
        found: dict[int, list[Hit]] = {}
        number, begin, stop = 0, 0, len(texts[0])
        sizes, of_text = self._sizes, None
        for gate, end in hits:
            while end > stop:  # both ascend: one walk over the texts finds the place of every hit
                number += 1
                begin, stop, of_text = stop + 1, stop + 1 + len(texts[number]), None
            if begin < end and sizes[gate] <= end - begin:
                if of_text is None:
                    of_text = found[number] = []
                of_text.append((gate, end - begin))
        return found

    def _find_in(self, data: bytes, hits: list[Hit], until: float) -> list[Found]:
        if until:
            check(until)
        found = self._by_literals(data, hits, until)
        digits = [end for gate, end in hits if gate == self._digits]
        if digits:
            self._by_numbers(data, digits, found, until)
        return resolve(found) if found else found

    def deadline(self, size: int) -> float:
        """When to give up on texts of so many bytes together, on this thread's own clock of processor time."""
        seconds = min(SECONDS * max(1.0, size / _MEGABYTE), MOST_SECONDS)
        return time.thread_time() + seconds * PATIENCE[self.name]

    def _by_literals(self, data: bytes, hits: list[Hit], until: float) -> list[Found]:
        found: list[Found] = []
        sizes, finders_of = self._sizes, self._finders
        covered: dict[str, int] = {}  # what a rule has taken already it does not read again
        farthest = 0
        for number, (gate, end) in enumerate(hits):
            if not number & _CHECK_EVERY and number:
                check(until)
            start = end - sizes[gate]
            for find, rule in finders_of[gate]:
                if start < farthest and start < covered.get(rule.id, 0):
                    continue
                span = find(data, start, end)
                if span is None:
                    continue
                if isinstance(span, list):  # below the head of a table; its other columns are among them
                    found += [(begin, stop, rule) for begin, stop in span]
                    stop = data.find(b"\n", start)
                else:
                    stop = _character_end(data, span[1])
                    if span[0] >= stop:
                        continue
                    found.append((span[0], stop, rule))
                covered[rule.id] = stop
                farthest = max(farthest, stop)
        return found

    def _by_numbers(self, data: bytes, ends: list[int], found: list[Found], until: float) -> None:
        found.extend((start, stop, rule) for rule, start, stop in self._numbers.find(data, _timed(ends, until)))


def _character_end(data: bytes, stop: int) -> int:
    """The end of the character that a pattern of bounded length was cut in, if it was."""
    while stop < len(data) and data[stop] & _CONTINUATION_MASK == _CONTINUATION:
        stop += 1
    return stop


def resolve(found: list[Found]) -> list[Found]:
    """Overlapping spans become one, under the name of the longest; the more exact rule wins a tie."""
    if all(before[1] <= after[0] for before, after in pairwise(found)):
        return found
    found.sort(key=_place)
    kept: list[Found] = []
    longest = 0
    for start, end, rule in found:
        if kept and start < kept[-1][1]:
            first, last, name = kept[-1]
            better = end - start > longest or (end - start == longest and _vague(name) > _vague(rule))
            kept[-1] = (first, max(last, end), rule if better else name)
            longest = max(longest, end - start)
        else:
            kept.append((start, end, rule))
            longest = end - start
    return kept


def _place(found: Found) -> tuple[int, int]:
    return found[0], -found[1]


def _vague(rule: Rule) -> int:
    return {"token": 0, "numbers": 0, "email": 0, "home": 0}.get(rule.finder, 1)


def _timed(ends: Sequence[int], until: float) -> Iterator[int]:
    """The same numbers, as long as there is time: most runs of digits are looked at and give nothing."""
    for number, end in enumerate(ends):
        if not number & _CHECK_EVERY and number:
            check(until)
        yield end


def check(until: float) -> None:
    """Raises OutOfTimeError once that time has come."""
    if time.thread_time() > until:
        raise OutOfTimeError


def _gates(
    rules: Sequence[Rule], search: escapes.Search
) -> tuple[list[Gate], list[tuple[tuple[finders.AnyFinder, Rule], ...]]]:
    of_gate: dict[Gate, list[tuple[finders.AnyFinder, Rule]]] = {}
    for rule in rules:
        find = finders.build(rule, search)
        for literal in rule.gate:
            of_gate.setdefault(Gate(literal.encode(), rule.nocase, rule.tail, rule.tail_length()), []).append(
                (find, rule)
            )
    return list(of_gate), [tuple(pairs) for pairs in of_gate.values()]


__all__ = ["Engine", "OutOfTimeError", "TooManyError", "check", "resolve"]
