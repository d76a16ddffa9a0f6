"""The chain: lines of JSON, each with the SHA-256 of the line before it, and what is wrong with one. Pure.

It has no key: whoever may write the files may also write a new chain. What was noted elsewhere of the last line
(`seq:hash`) is what such a one cannot make good.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BEGINNING = "0" * 64
"""What stands for the line before the first."""
MISMATCH = "audit.mismatch"
"""Written when files and head disagree at an append: what it says was wrong cannot be undone by what follows."""
UNFINISHED = "audit.unfinished_line"
"""Written when a line without its end was found and cut off: a crash, since nothing was allowed on its strength."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last line that was written: its number and hash; and the number of the first one that is kept."""

    seq: int = 0
    hash: str = BEGINNING
    first: int = 1

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(slots=True)
class Verdict:
    """What a look at the whole chain found.

    Args:
        records: lines that are in order.
        head: the last of them.
        broken: the first thing that is wrong, with file and line; None when nothing is.
        notes: what is remarkable and no sign of a change.
    """

    records: int = 0
    head: Head = Head(0)
    broken: str | None = None
    notes: list[str] = field(default_factory=list)


def line_of(head: Head, at: str, action: str, who: Mapping[str, Any], detail: Mapping[str, Any]) -> bytes:
    """The line after `head`, with its line feed."""
    record = {"seq": head.seq + 1, "at": at, "action": action, **who, "detail": dict(detail), "prev": head.hash}
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def after(head: Head, line: bytes) -> Head:
    """The head once `line` is the last one."""
    return Head(head.seq + 1, digest(line), head.first)


def digest(line: bytes) -> str:
    """SHA-256 of a line without its line feed, in hexadecimal."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def record_of(line: bytes) -> dict[str, Any] | None:
    """The decoded record; None when it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    good = isinstance(record, dict) and isinstance(record.get("seq"), int) and isinstance(record.get("prev"), str)
    return record if good else None


def continues(kept: Head | None, last: bytes | None) -> bool:
    """Whether the last line of the files is the one that the head names, or the next one, after a crash."""
    if last is None:
        return kept is None
    record = record_of(last) or {"seq": -1, "prev": ""}
    known = kept or Head()
    if (record["seq"], digest(last)) == (known.seq, known.hash):
        return True
    return bool(record["seq"] == known.seq + 1 and record["prev"] == known.hash)


def verify(lines: Iterable[tuple[str, bytes]], head: Head | None, expected: str = "") -> Verdict:
    """Follows the chain from its first line to its last.

    Args:
        lines: where each line is (file and number) and the line with its line feed, in order.
        head: as it was kept apart; None when it is not there.
        expected: `seq:hash` of a line, noted elsewhere; empty when there is none.
    """
    verdict = Verdict()
    wanted = {str(head), expected} - {"", str(Head())} if head else {expected} - {""}
    for where, line in lines:
        if not line.endswith(b"\n"):
            verdict.notes.append(f"{where}: the last line has no end: a crash while it was written")
            break
        verdict.broken = _problem(verdict, head, line)
        if verdict.broken:
            verdict.broken = f"{where}: {verdict.broken}"
            return verdict
        record = record_of(line) or {}
        verdict.head = Head(record["seq"], digest(line), verdict.head.first if verdict.records else record["seq"])
        verdict.records += 1
        wanted.discard(str(verdict.head))
    verdict.broken = _missing(verdict, head, wanted)
    return verdict


def _problem(verdict: Verdict, head: Head | None, line: bytes) -> str | None:
    """What is wrong with the line that follows; None when nothing is."""
    record = record_of(line)
    if record is None:
        return "no record"
    if record.get("action") == MISMATCH:
        return f"the trail had been changed before this was written: {json.dumps(record.get('detail'))}"
    if not verdict.records:
        first = head.first if head else 1
        if record["seq"] > first:
            return f"begins with record {record['seq']} instead of {first}: what came before was removed"
        wrong = record["seq"] == 1 and record["prev"] != BEGINNING
        return "does not begin as a first record does" if wrong else None
    if record["seq"] != verdict.head.seq + 1:
        return f"record {record['seq']} follows record {verdict.head.seq}"
    return None if record["prev"] == verdict.head.hash else "the record before it is not the one that was written"


def _missing(verdict: Verdict, head: Head | None, wanted: set[str]) -> str | None:
    if head is None and verdict.records > 1:
        return "the head that is kept apart (audit.head) is not there"
    if wanted:
        seq, _, _ = min(wanted).partition(":")
        return f"record {seq} is not there as it was written: the end was cut off or replaced"
    return None
