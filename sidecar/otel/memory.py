"""What is remembered of turns that have left: bounded, so that it forgets the oldest first."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from sidecar.otel import semconv
from sidecar.otel.model import Span, SpanLink
from sidecar.otel.scope import Scope

MAX_SPAN_IDS = 20_000
"""Ids of spans that left: a repeat of an event among them makes no second span."""

MAX_SESSIONS = 1_024
MAX_TURNS_PER_SESSION = 16
"""A third of a kilobyte each; an event that comes later than so many turns finds no turn before its own."""


def is_turn_root(span: Span) -> bool:
    """Whether the span is the root of a turn; that of a further part of a huge turn is not."""
    return span.parent_span_id is None and semconv.TURN_PART not in span.attributes


class Continuation(NamedTuple):
    """How a turn goes on after its spans have left: how often it did so by now, and when what had left ended."""

    times: int
    since: int


class Left(NamedTuple):
    """A turn that left, by its root; its end in microseconds since the epoch, and how often it went on."""

    trace_id: str
    root_id: str
    end: int
    times: int


@dataclass(slots=True)
class Departed:
    """The ids of spans that have left, by trace, and the turns' roots among them; the last `most` spans."""

    most: int = MAX_SPAN_IDS
    _traces: OrderedDict[str, dict[str, None]] = field(default_factory=OrderedDict)
    """Trace → span ids, both the oldest first: a dictionary is a set that keeps an order."""
    _sealed: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    """Trace → root of a turn → (when it ended, how often it went on after it had left)."""
    _size: int = 0

    def __contains__(self, trace_id: str) -> bool:
        return trace_id in self._sealed

    def __len__(self) -> int:
        return self._size

    def leave(self, spans: Iterable[Span]) -> list[Span]:
        """The spans that had not left before; from now on they have."""
        fresh = []
        for span in spans:
            known = self._traces.setdefault(span.trace_id, {})
            self._traces.move_to_end(span.trace_id)
            if span.span_id not in known:
                known[span.span_id] = None
                fresh.append(span)
                if is_turn_root(span) or semconv.TURN_CONTINUED in span.attributes:
                    self._seal(span)
        self._size += len(fresh)
        self._forget()
        return fresh

    def continuation(self, trace_id: str, root_id: str, start: int) -> Continuation | None:
        """What that begins at `start` continues of a turn that has left; None when it does not."""
        end, times = self._sealed.get(trace_id, {}).get(root_id, (start, 0))
        return Continuation(times + 1, end) if start > end else None

    def last(self, most: int) -> list[Left]:
        """The turn that left last in each of so many traces, those last that were heard of last."""
        traces = islice((trace_id for trace_id in reversed(self._traces) if self._sealed.get(trace_id)), most)
        return [Left(trace_id, *self._last_root(trace_id)) for trace_id in traces][::-1]

    def recall(self, left: Iterable[Left]) -> None:
        """Remembers turns that left before a restart."""
        for trace_id, root_id, end, times in left:
            self._traces.setdefault(trace_id, {})[root_id] = None
            self._sealed.setdefault(trace_id, {})[root_id] = end, times
            self._size += 1

    def _last_root(self, trace_id: str) -> tuple[str, int, int]:
        root_id, (end, times) = next(reversed(self._sealed[trace_id].items()))
        return root_id, end, times

    def _seal(self, span: Span) -> None:
        roots = self._sealed.setdefault(span.trace_id, {})
        root_id = span.parent_span_id or span.span_id
        end, times = roots.get(root_id, (0, 0))
        again = int(span.attributes.get(semconv.TURN_CONTINUED, 0))
        roots[root_id] = max(end, span.end_ns // 1000), max(times, again)

    def _forget(self) -> None:
        """The oldest traces as a whole; of the last one its oldest spans, since a session's trace may have no end."""
        while self._size > self.most and len(self._traces) > 1:
            trace_id, forgotten = self._traces.popitem(last=False)
            self._sealed.pop(trace_id, None)
            self._size -= len(forgotten)
        if self._size > self.most:
            ((trace_id, last),) = self._traces.items()
            for span_id in list(islice(last, self._size - self.most)):
                del last[span_id]
                self._sealed.get(trace_id, {}).pop(span_id, None)
            self._size = self.most


@dataclass(slots=True)
class Session:
    """The turns of one agent's session, root span id → (start, trace id), and when the session ended."""

    turns: dict[str, tuple[int, str]] = field(default_factory=dict)
    ended_at: int | None = None
    open: set[Scope] = field(default_factory=set)
    _newest: int = 0

    def began(self, root_id: str, start: int, trace_id: str) -> None:
        """Notes a turn by its earliest start; forgets the earliest turn beyond the bound."""
        self._newest = max(self._newest, start)
        self.turns[root_id] = min((start, trace_id), self.turns.get(root_id, (start, trace_id)))
        if len(self.turns) > MAX_TURNS_PER_SESSION:
            del self.turns[min(self.turns, key=lambda known: (self.turns[known], known))]

    def previous(self, root_id: str, start: int) -> SpanLink | None:
        """A link to the turn before the one that began at `start`."""
        earlier = [(known, root) for root, known in self.turns.items() if root != root_id and known[0] < start]
        if not earlier:
            return None
        (_, trace_id), root = max(earlier)
        return SpanLink(trace_id, root, {semconv.LINK_TYPE: semconv.PREVIOUS_TURN})

    def next_after(self, start: int) -> int | None:
        """When the first turn after `start` began."""
        if start >= self._newest:  # as in all but events that come late
            return None
        return min((begun for begun, _ in self.turns.values() if begun > start), default=None)


@dataclass(slots=True)
class Sessions:
    """Sessions by agent, the least recently used forgotten first unless a turn of theirs is open."""

    _known: OrderedDict[Scope, Session] = field(default_factory=OrderedDict)

    def of(self, scope: Scope) -> Session:
        """The session that a turn belongs to."""
        key = Scope(scope.session_id, None, scope.agent, scope.agent_id)
        found = self._known.setdefault(key, Session())
        self._known.move_to_end(key)
        if len(self._known) > MAX_SESSIONS:
            oldest, session = self._known.popitem(last=False)
            if session.open:
                self._known[oldest] = session
        return found
