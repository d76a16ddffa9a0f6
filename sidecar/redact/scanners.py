"""Scanners: where in a text does one of many literals stand? Hyperscan where it is installed, else Python."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Gate:
    """A literal to look for, with a class of characters that must follow where it is short and common.

    `pattern` instead of a literal is a regular expression without a start of its own.
    """

    literal: bytes
    nocase: bool = False
    tail: str = ""
    tail_length: int = 0
    pattern: str = ""

    @property
    def size(self) -> int:
        """Bytes from the start of the literal to the end that a scanner reports."""
        return len(self.literal) + self.tail_length


class TooManyError(Exception):
    """More candidates than the budget allows; holds nothing of the text."""


class Scanner(Protocol):
    """Finds gates; thread-safe."""

    name: str

    def scan(self, data: bytes, limit: int) -> list[tuple[int, int]]:
        """(gate number, end offset) of every occurrence, by offset.

        Raises:
            TooManyError: there are more than `limit`.
        """


class HyperscanScanner:
    """One pass of Intel's/Vectorscan's multi-pattern automaton; releases the interpreter lock."""

    name = "hyperscan"

    def __init__(self, database: Any) -> None:
        import hyperscan

        self._database = database
        self._scratch_of = hyperscan.Scratch
        self._terminated = hyperscan.ScanTerminated
        self._local = threading.local()

    def scan(self, data: bytes, limit: int) -> list[tuple[int, int]]:
        """See `Scanner.scan`."""
        # Working memory may serve one scan at a time: one per thread.
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = self._scratch_of(self._database)
        hits: list[tuple[int, int]] = []
        try:
            self._database.scan(data, match_event_handler=_collect, context=(hits, limit), scratch=scratch)
        except self._terminated:
            raise TooManyError from None
        return hits


def _collect(gate: int, _start: int, end: int, _flags: int, context: tuple[list[tuple[int, int]], int]) -> bool:
    hits, limit = context
    hits.append((gate, end))
    return len(hits) > limit  # true ends the scan


class PythonScanner:
    """The same answers from `bytes.find`, some ten times slower."""

    name = "python"

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._exact = [(n, g.literal, g.size) for n, g in enumerate(gates) if not g.nocase and not g.pattern]
        self._folded = [(n, g.literal.lower(), g.size) for n, g in enumerate(gates) if g.nocase]
        self._patterns = [
            # A lookahead finds overlapping occurrences too, as an automaton does.
            (n, re.compile(b"(?=(" + gate.pattern.encode() + b"))"))
            for n, gate in enumerate(gates)
            if gate.pattern
        ]

    def scan(self, data: bytes, limit: int) -> list[tuple[int, int]]:
        """See `Scanner.scan`."""
        hits: list[tuple[int, int]] = []
        for text, literals in ((data, self._exact), (data.lower(), self._folded)):
            for number, literal, size in literals:
                # What the tail is made of is left to the pattern; there must be room for it.
                _find_all(text, literal, (number, size), hits, limit)
        for number, pattern in self._patterns:
            for match in pattern.finditer(data):
                hits.append((number, match.end(1)))
                if len(hits) > limit:
                    raise TooManyError
        hits.sort(key=lambda hit: hit[1])
        return hits


def _find_all(text: bytes, literal: bytes, gate: tuple[int, int], hits: list[tuple[int, int]], limit: int) -> None:
    number, size = gate
    last = len(text) - size
    at = text.find(literal)
    while 0 <= at <= last:
        hits.append((number, at + size))
        if len(hits) > limit:
            raise TooManyError
        at = text.find(literal, at + 1)
