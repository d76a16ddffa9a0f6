"""What consumers want written beside the events: collected here, written by the store's next transaction."""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from sidecar.events import HookEvent
from sidecar.otel.metric_model import Point
from sidecar.otel.model import Span


class DeadLetter(NamedTuple):
    """One event that a sink will never take, and why."""

    sink: str
    seq: int
    event_id: str
    reason: str
    payload: str
    died_at: int
    """Microseconds since the epoch."""


def dead_letter(sink: str, event: HookEvent, reason: str) -> DeadLetter:
    """The dead letter of one event, as of now."""
    return DeadLetter(sink, event.seq, event.event_id, reason, bytes(event.payload).decode(), time.time_ns() // 1000)


class Notes(msgspec.Struct):
    """What belongs into one transaction: cursors (consumer → (sequence number, state)), letters, spans, numbers."""

    cursors: dict[str, tuple[int, str | None]] = {}
    dead_letters: list[DeadLetter] = []
    spans: list[Span] = []
    counters: dict[tuple[str, tuple[str, ...]], Point] = {}

    def __bool__(self) -> bool:
        return bool(self.cursors or self.dead_letters or self.spans or self.counters)


class Notebook:
    """Takes notes from the consumers' threads; the loader takes them all at once, or puts them back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes = Notes()

    def note(
        self,
        consumer: str,
        seq: int,
        state: str | None = None,
        dead_letters: Sequence[DeadLetter] = (),
        spans: Sequence[Span] = (),
    ) -> None:
        """A consumer has passed `seq`, leaving these behind; all of it is written together or not at all."""
        with self._lock:
            self._notes.cursors[consumer] = (seq, state)
            self._notes.dead_letters.extend(dead_letters)
            self._notes.spans.extend(spans)

    def take(self) -> Notes:
        """Everything noted so far."""
        with self._lock:
            taken, self._notes = self._notes, Notes()
            return taken

    def put_back(self, taken: Notes) -> None:
        """What could not be written, to be taken again with what came since."""
        with self._lock:
            newer = self._notes
            self._notes = Notes(
                cursors={**taken.cursors, **newer.cursors},
                dead_letters=[*taken.dead_letters, *newer.dead_letters],
                spans=[*taken.spans, *newer.spans],
                counters={**taken.counters, **newer.counters},
            )
