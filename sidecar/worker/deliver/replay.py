"""Sends again what the store holds: events or whole turns since a time, or a sink's dead letters, step by step.

Each step is asked for with the place where the one before ended, so that a replay can be interrupted and continued
by whoever asks, and holds up neither delivery nor ingest.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sidecar.errors import PermanentExportError, ReplayError
from sidecar.events import HookEvent
from sidecar.otel.model import Span
from sidecar.otel.turns import TurnAssembler
from sidecar.worker.deliver.sink import Sink
from sidecar.worker.store.history import History
from sidecar.worker.store.letters import Key, Letter

STEP_EVENTS = 500
STEP_SPANS = 500
STEP_LETTERS = 100


class Wanted(msgspec.Struct):
    """What is sent again.

    Args:
        sink: name of the sink.
        since: microseconds since the epoch; only what was received then or later.
        session_id: only this session.
        dead_letters: only what the sink had refused; what it takes now is forgotten. One whose event has left the
            store, or of which no span could be made, cannot be sent: it stays, and counts as refused.
        after: where the step before ended: a number of an event, of dead letters a time; 0 to begin.
    """

    sink: str
    since: int = 0
    session_id: str | None = None
    dead_letters: bool = False
    after: int = 0


class Step(msgspec.Struct):
    """What one step did: items sent and refused again, where it ended, and how many are left to look at."""

    sent: int
    refused: int
    after: int
    left: int


class Replayer:
    """Replays to sinks through exporters of its own, one step at a time for each sink.

    Args:
        history: the store.
        builders: sink name → what builds its exporter.
        spans: names of the sinks that take spans instead of events.
        capture_content: as delivery does it, so that the spans are the same bytes.
    """

    def __init__(
        self,
        history: History,
        builders: Mapping[str, Callable[[], Sink[Any]]],
        spans: frozenset[str],
        *,
        capture_content: bool = False,
    ) -> None:
        self._capture_content = capture_content
        self._history = history
        self._builders = builders
        self._spans = spans
        self._locks = {name: threading.Lock() for name in builders}

    def step(self, wanted: Wanted) -> Step:
        """Sends the next items; `left` of the answer is 0 when that was all.

        Raises:
            ReplayError: there is no such sink, or another replay to it is under way.
            ExportError: the sink does not take them now; nothing was lost, the same step can be asked for again.
            StoreError: the store cannot be read now.
        """
        with self._exporter(wanted.sink) as exporter:
            if wanted.dead_letters:
                return self._letters(wanted, exporter)
            return self._session(wanted, exporter) if wanted.sink in self._spans else self._events(wanted, exporter)

    @contextlib.contextmanager
    def _exporter(self, name: str) -> Iterator[Sink[Any]]:
        lock = self._locks.get(name)
        if lock is None:
            raise ReplayError(f"the sink {name} is not switched on", hint="see leanvibe status for those that are")
        if not lock.acquire(blocking=False):
            raise ReplayError(f"another replay to {name} is under way", hint="wait for it")
        with contextlib.ExitStack() as held:
            held.callback(lock.release)
            exporter = held.enter_context(contextlib.closing(self._builders[name]()))
            exporter.start()
            yield exporter

    def _events(self, wanted: Wanted, exporter: Sink[HookEvent]) -> Step:
        events = self._history.events_since(wanted.since, wanted.session_id, wanted.after, STEP_EVENTS)
        if not events:
            return Step(0, 0, wanted.after, 0)
        refused = _send(exporter, events)
        left = self._history.count_since(wanted.since, wanted.session_id, events[-1].seq)
        return Step(len(events) - refused, refused, events[-1].seq, left)

    def _session(self, wanted: Wanted, exporter: Sink[Span]) -> Step:
        """All turns of the next session: mapped from its first event on, so that the spans are the same bytes."""
        following = self._history.next_session(wanted.since, wanted.session_id, wanted.after)
        if following is None:
            return Step(0, 0, wanted.after, 0)
        spans = list(self._spans_of(following.session_id, following.trace_ids))
        refused = sum(_send(exporter, spans[at : at + STEP_SPANS]) for at in range(0, len(spans), STEP_SPANS))
        return Step(len(spans) - refused, refused, following.first_seq, following.left)

    def _spans_of(self, session_id: str, trace_ids: frozenset[str]) -> Iterator[Span]:
        """Spans of the session's turns that are over and in these traces."""
        assembler = TurnAssembler(capture_content=self._capture_content)
        last = 0
        while events := self._history.events_since(0, session_id, last, STEP_EVENTS):
            last = events[-1].seq
            yield from (span for span in assembler.feed(events, 0) if span.trace_id in trace_ids)
        yield from (span for span in assembler.feed((), time.time_ns() // 1000) if span.trace_id in trace_ids)

    def _letters(self, wanted: Wanted, exporter: Sink[Any]) -> Step:
        letters = self._history.dead_letters(wanted.sink, wanted.since, wanted.after, STEP_LETTERS)
        if not letters:
            return Step(0, 0, wanted.after, 0)
        sent = 0
        taken: list[Key] = []
        for letter in letters:
            items = self._items(wanted.sink, letter)
            if items and _send(exporter, items) == 0:
                sent += len(items)
                taken.append(letter.key)
        self._history.forget_dead_letters(wanted.sink, taken)
        last = letters[-1].key.died_at
        left = self._history.count_dead_letters(wanted.sink, wanted.since, last)
        return Step(sent, len(letters) - len(taken), last, left)

    def _items(self, sink: str, letter: Letter) -> Sequence[Any]:
        """What the letter holds: spans as they were, an event as the store has it.

        Nothing when the event has left, or is one of which no span could be made.
        """
        if sink not in self._spans:
            following = self._history.events_since(0, None, letter.key.seq - 1, 1)
            return [event for event in following if event.seq == letter.key.seq]
        try:
            found = msgspec.json.decode(letter.payload, type=Span | list[Span])
        except msgspec.ValidationError:
            return ()
        return found if isinstance(found, list) else [found]


def _send(exporter: Sink[Any], items: Sequence[Any]) -> int:
    """Exports; how many the sink refused. A batch refused as a whole is halved, as in delivery."""
    if not items:
        return 0
    try:
        outcome = exporter.export(items)
    except PermanentExportError:
        half = len(items) // 2
        return _send(exporter, items[:half]) + _send(exporter, items[half:]) if half else 1
    return len(outcome.rejected) + outcome.unnamed
