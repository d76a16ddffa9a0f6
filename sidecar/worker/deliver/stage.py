"""What happens between the journal and an exporter: events in, items to export out."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from sidecar.events import HookEvent
from sidecar.otel.log_model import LogRecord
from sidecar.otel.logs import log_of
from sidecar.otel.model import Span
from sidecar.otel.turns import TurnAssembler

Item = TypeVar("Item")
Held = Mapping[str, int]
"""Turns that are not over (`Scope.held_key`) → the receipt of their first event, in microseconds since the epoch."""


class Stage(Protocol[Item]):
    """Turns events into items. May hold events back until it knows more (a turn that is not over)."""

    def feed(self, events: Sequence[HookEvent]) -> list[Item]:
        """Items that are ready now; an empty sequence lets time pass."""

    def state(self) -> str | None:
        """What must be kept with the cursor so that `restore` can rebuild what is held back; JSON."""

    def held(self, state: str) -> Held:
        """The turns whose sessions' stored events `restore` needs, and since when, from a kept state."""

    def restore(self, held: Held, left: Sequence[Span], stored: Iterable[Sequence[HookEvent]]) -> None:
        """Learns what left before, and takes the stored events of the held turns' sessions again, page by page."""


class _Stateless:
    """What a stage that holds nothing back says."""

    def state(self) -> None:
        """Nothing is held back."""

    def held(self, state: str) -> Held:  # noqa: ARG002  the protocol's
        """Nothing is held back."""
        return {}

    def restore(self, held: Held, left: Sequence[Span], stored: Iterable[Sequence[HookEvent]]) -> None:
        """Nothing is held back."""


class EventStage(_Stateless):
    """Passes events as they are, for sinks that take events."""

    def feed(self, events: Sequence[HookEvent]) -> list[HookEvent]:
        """The events themselves."""
        return list(events)


class LogStage(_Stateless):
    """Gives the log record of each event at once.

    Args:
        capture_content: puts content on the records.
    """

    def __init__(self, *, capture_content: bool = False) -> None:
        self._capture = capture_content

    def feed(self, events: Sequence[HookEvent]) -> list[LogRecord]:
        """One record for each event."""
        return [log_of(event, capture_content=self._capture) for event in events]


class TraceStage:
    """Gathers the events of a turn until it is over, then gives its spans.

    Args:
        capture_content: puts content on the spans.
    """

    def __init__(self, *, capture_content: bool = False) -> None:
        self._capture = capture_content
        self._assembler = TurnAssembler(capture_content=capture_content)
        self._ready: list[Span] = []

    def feed(self, events: Sequence[HookEvent]) -> list[Span]:
        """Spans of the turns that are over now; when it fails they come with the next events."""
        self._ready += self._assembler.feed(events, time.time_ns() // 1000)
        ready, self._ready = self._ready, []
        return ready

    def state(self) -> str:
        """The turns that are still open, and since when."""
        return msgspec.json.encode(self._assembler.open_turns()).decode()

    def held(self, state: str) -> Held:
        """The turns that were open, and since when."""
        held = msgspec.json.decode(state, type=dict[str, int] | list[str])
        return held if isinstance(held, dict) else dict.fromkeys(held, 0)  # without times, as it once was kept

    def restore(self, held: Held, left: Sequence[Span], stored: Iterable[Sequence[HookEvent]]) -> None:
        """Opens the turns again that were open; a span that left before does not leave again.

        Begins anew each time: what left in an attempt that failed in the middle was given to nobody.
        """
        self._assembler = TurnAssembler(capture_content=self._capture)
        self._assembler.remember(left)
        self._ready = self._assembler.restore(held, stored)
