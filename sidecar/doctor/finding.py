"""What a check found. Pure data."""

import enum
from dataclasses import asdict, dataclass
from typing import Any


class State(enum.StrEnum):
    """How it is."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, or it could not be looked at."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Args:
        check: what was looked at, in a word.
        state: how it is.
        message: what was found.
        todo: what to do about it; empty when nothing is wrong.
        ms: how long it took, for the hops of the probe.
    """

    check: str
    state: State
    message: str
    todo: str = ""
    ms: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}


def ok(check: str, message: str, ms: float | None = None) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, message, ms=ms)


def note(check: str, message: str) -> Finding:
    """Nothing is known to be wrong."""
    return Finding(check, State.NOTE, message)


def wrong(check: str, message: str, todo: str) -> Finding:
    """Something is wrong, and this is what to do."""
    return Finding(check, State.WRONG, message, todo)
