"""The meter: what agents do as absolute numbers, each event counted once, whatever crashes or restarts."""

import time
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.events import BEGINS_NO_SESSION, HookEvent
from sidecar.log import LOGGER
from sidecar.otel.changes import Change, changes_of, session_begun
from sidecar.otel.early import AT_ONCE
from sidecar.otel.instruments import SESSIONS
from sidecar.otel.memory import Left
from sidecar.otel.metric_model import Metric, MetricKind, Point
from sidecar.otel.model import NANOS_PER_MICRO
from sidecar.otel.open_turn import OpenTurn
from sidecar.otel.scope import traces_of
from sidecar.otel.tally import MAX_NAMES, OTHER, Numbers, Tally, metrics_of
from sidecar.otel.turns import SETTLE_US, TurnAssembler

METER = "metrics"
"""The meter's name among the consumers of the journal."""

MAX_SESSIONS = 4096
"""Sessions remembered as seen; one that comes back after so many others counts as new."""

MAX_SHOWN = 20
REMEMBERED_SPANS = 2_000
"""Of calls that ended: only an event that comes late could count one again, a repeat of the journal's is not read."""
REMEMBERED_TURNS = 64
"""So many that were counted last count no second time when they go on after a restart; written with each batch."""


class Running(msgspec.Struct, frozen=True):
    """One turn under way. Times in microseconds since the epoch."""

    agent: str
    started_at: int
    events: int
    waiting_since: int | None


class _Kept(msgspec.Struct):
    """What is kept with the cursor: when counting began, up to when spans have left, which turns were open.

    `held` says since when they were. `left` are the last turns that were counted: one that goes on counts once.
    """

    since: int
    at: int
    held: dict[str, int]
    left: list[Left] = []


class Notes(Protocol):
    """The part of the store's notes that the meter fills in."""

    cursors: dict[str, tuple[int, str | None]]
    counters: dict[tuple[str, tuple[str, ...]], Point]


class Stored(Protocol):
    """The part of the store that the meter goes on from."""

    def cursors(self) -> dict[str, tuple[int, str | None]]:
        """Consumer → (sequence number it has passed, its state)."""

    def counters(self) -> Numbers:
        """The numbers as they were written."""

    def recent_sessions(self, limit: int) -> list[tuple[str, str]]:
        """The last sessions, newest first, as (agent, session)."""

    def sessions_of_traces(self, since: Mapping[str, int], up_to: int) -> Iterable[Sequence[HookEvent]]:
        """The events of the sessions of these traces, each since that time and up to `up_to`, a page at a time."""


class Meter:
    """Fed by the store's loader, on its thread; its numbers are written in the transaction of their events.

    Only what is written is shown, so that no crash ever makes a counter go back.

    Args:
        stored: where the last run left off.
    """

    def __init__(self, stored: Stored) -> None:
        self.written: Numbers = stored.counters()
        self.running: tuple[Running, ...] = ()
        self._assembler = TurnAssembler(early=AT_ONCE, remembered=REMEMBERED_SPANS)
        self._tally = Tally(self.written)
        self._sessions = OrderedDict.fromkeys(reversed(stored.recent_sessions(MAX_SESSIONS)))
        self._seq, state = stored.cursors().get(METER, (0, None))
        now = time.time_ns() // NANOS_PER_MICRO
        self._kept = _kept_of(state) or _Kept(now, 0, {})
        self._moved = False
        self._unmeasured = 0
        self._assembler.recall(self._kept.left)
        events = stored.sessions_of_traces(traces_of(self._kept.held), self._seq)
        self._assembler.restore(self._kept.held, events, self._kept.at)  # what leaves again was counted before
        self._look()

    @property
    def dropped(self) -> dict[str, int]:
        """What was left out of turns since the start of this process, by reason."""
        return {
            "not_measured": self._unmeasured,
            "call_beyond_turn_limit": self._assembler.dropped_events,
            "turn_left_early_for_memory": self._assembler.evicted_turns,
        }

    def feed(self, events: Sequence[HookEvent]) -> None:
        """Counts events of the journal; those that it was given before are passed over.

        Args:
            events: the next ones, in order; none when there is nothing more to read, so that time passes.
        """
        fresh = [event for event in events if event.seq > self._seq]
        now = time.time_ns() // NANOS_PER_MICRO
        changes = self._changes(fresh, now) if fresh or not events else []
        self._tally.apply(changes)
        if fresh or changes:
            self._pass(fresh, now)
        self._look()

    def note(self, notes: Notes) -> None:
        """Adds what changed to the notes of the store's next transaction."""
        if self._moved:
            self._kept.held = self._assembler.open_turns()
            self._kept.left = self._assembler.left(REMEMBERED_TURNS)
            notes.cursors[METER] = (self._seq, msgspec.json.encode(self._kept).decode())
            notes.counters.update(self._tally.changed())

    def settle(self, notes: Notes) -> None:
        """Says that these notes are written; from now on their numbers are shown."""
        if METER in notes.cursors:
            self.written = {**self.written, **notes.counters}
            self._tally.settle(notes.counters)
            self._moved = False

    def metrics(self) -> list[Metric]:
        """All metrics that are counted from events, and what is under way now."""
        written = self.written
        agents = {labels[0] for name, labels in written if name == SESSIONS.name}
        return [
            *metrics_of(written, self._kept.since * NANOS_PER_MICRO),
            *gauges_of(self.running, time.time(), agents),
        ]

    def _changes(self, fresh: Sequence[HookEvent], now: int) -> list[Change]:
        try:
            spans = self._assembler.feed(fresh, now)
        except Exception:  # noqa: BLE001  the store waits for nobody: a fault in counting costs numbers, no event
            self._unmeasured += len(fresh)
            spans = []
        begun = (event for event in fresh if event.hook_event_name not in BEGINS_NO_SESSION)
        sessions = [change for event in begun for change in self._session(event)]
        return sessions + [change for span in spans for change in changes_of(span)]

    def _session(self, event: HookEvent) -> list[Change]:
        key = (event.agent, event.session_id)
        known = key in self._sessions
        self._sessions[key] = None
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return [] if known else [session_begun(event.agent)]

    def _pass(self, fresh: Sequence[HookEvent], now: int) -> None:
        """Remembers up to when spans have left: by the events' times, at rest by the clock."""
        at = max((event.received_at for event in fresh), default=now - SETTLE_US)
        self._kept.at = max(self._kept.at, at)
        self._seq = max((event.seq for event in fresh), default=self._seq)
        self._moved = True

    def _look(self) -> None:
        self.running = tuple(_running(turn) for turn in self._assembler.under_way)


def _kept_of(state: str | None) -> _Kept | None:
    """What was kept; None when that cannot be read: then only what the turns of then still do is miscounted."""
    if state is None:
        return None
    try:
        return msgspec.json.decode(state, type=_Kept)
    except msgspec.MsgspecError as error:
        LOGGER.error("the state of the metrics cannot be read, they are counted on without it: %s", error)
        return None


def gauges_of(running: Sequence[Running], now: float, known: Collection[str] = ()) -> list[Metric]:
    """What is under way, by agent. Pure.

    Args:
        running: the turns.
        now: seconds since the epoch.
        known: agents that are told of with nothing under way too: a series that is merely no longer sent keeps its
            last value for minutes. Others beyond `MAX_NAMES` of them are `other`, as in what is counted.
    """
    counts = Counter(dict.fromkeys(known, 0))
    counts.update(turn.agent if turn.agent in known or len(known) < MAX_NAMES else OTHER for turn in running)
    by_agent = tuple(Point((agent,), counts[agent]) for agent in sorted(counts))
    waiting = [turn for turn in running if turn.waiting_since is not None]
    oldest = min((turn.waiting_since for turn in waiting if turn.waiting_since is not None), default=None)
    age = max(0.0, now - oldest / 1e6) if oldest is not None else 0.0
    return [
        _gauge("leanvibe.turns.running", "{turn}", "Turns under way now.", by_agent, ("agent",)),
        _gauge(
            "leanvibe.permissions.waiting",
            "{turn}",
            "Turns in which a permission was asked for and nothing came of it yet.",
            (Point((), len(waiting)),),
        ),
        _gauge(
            "leanvibe.permission.waiting",
            "s",
            "How long the oldest of these has waited; 0 when none does.",
            (Point((), age),),
        ),
    ]


def _gauge(name: str, unit: str, text: str, points: tuple[Point, ...], labels: tuple[str, ...] = ()) -> Metric:
    return Metric(name=name, kind=MetricKind.GAUGE, unit=unit, help=text, labels=labels, points=points)


def _running(turn: OpenTurn) -> Running:
    return Running(turn.scope.agent, turn.start or turn.last_at, len(turn.digests), turn.waiting_since)
