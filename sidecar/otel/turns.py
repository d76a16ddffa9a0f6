"""Decides when a turn is closed, and lets its spans leave: each once, in final form, the root last.

Time is that of the events: every event first closes what was due before it, so that catching up after an
outage gives the same spans as running along. The wall clock is asked only when there is nothing more to read.
"""

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sidecar.events import HookEvent
from sidecar.otel import semconv
from sidecar.otel.digest import Digest, digest_of
from sidecar.otel.early import GRACE_US, LONG_TURNS, Early
from sidecar.otel.kinds import Kind, kind_of
from sidecar.otel.memory import MAX_SPAN_IDS, Departed, Left, Session, Sessions, is_turn_root
from sidecar.otel.model import Span
from sidecar.otel.open_turn import IDLE_US, OpenTurn
from sidecar.otel.scope import Scope, scope_of
from sidecar.otel.spans import finished_calls, spans_of_digests
from sidecar.otel.turn import SHAPES_A_TURN, Surroundings

MAX_HELD = 50_000
"""Digests held over all open turns, half a kilobyte each; beyond it the one quiet longest leaves as it is."""

SPARE_DUE = 256
"""Entries of the queue beyond two for each open turn, until the stale ones are looked for."""

SETTLE_US = 1_000_000
"""How far the wall clock is trusted less than the events' own times: an event may still be on its way."""


class TurnAssembler:
    """Gathers events into turns and gives out the spans of those that are closed.

    A turn closes a second after its Stop (later while its subagents run or more of its events come), after
    the session's next prompt or end, or when it was silent for half an hour. Finished calls of a long turn
    leave before it. Not safe for use by several threads.

    Args:
        capture_content: puts prompts, answers, tool inputs and results on spans, capped.
        early: from when on finished calls leave before their turn.
        remembered: of so many spans that left last none leaves again, when an event is repeated or comes late.
    """

    def __init__(
        self, *, capture_content: bool = False, early: Early = LONG_TURNS, remembered: int = MAX_SPAN_IDS
    ) -> None:
        self.dropped_events = 0
        self.evicted_turns = 0
        self._capture = capture_content
        self._early = early
        self._turns: dict[Scope, OpenTurn] = {}
        self._held = 0
        self._due: list[tuple[int, int, Scope]] = []
        self._count = itertools.count()
        self._sessions = Sessions()
        self._departed = Departed(remembered)
        self._leaving: list[Span] = []
        """Not given out yet: an event that fails keeps nothing that left before it."""

    def feed(self, events: Sequence[HookEvent], now_us: int) -> list[Span]:
        """Takes events and returns the spans of the turns that are closed by now.

        Args:
            events: in the journal's order; repeats are harmless. Empty when there is nothing more to read:
                only then does the wall clock close turns.
            now_us: the wall clock, in microseconds since the epoch.
        """
        if not events:
            self._leaving += self._leave_due(now_us - SETTLE_US)
        for event in sorted(events, key=lambda event: (event.received_at, event.seq, event.event_id)):
            self._leaving += self._leave_due(event.received_at)
            self._leaving += self._take(event)
        left, self._leaving = self._leaving, []
        return left

    def open_turns(self) -> dict[str, int]:
        """The turns still held by `Scope.held_key`, and since when, in microseconds since the epoch.

        After a restart the stored events of their sessions from then on are fed again.
        """
        return {scope.held_key: turn.first_at for scope, turn in self._turns.items()}

    def restore(self, held: Mapping[str, int], stored: Iterable[Sequence[HookEvent]], at: int = 0) -> list[Span]:
        """Opens the turns again that were open before a restart, and no others.

        Args:
            held: what `open_turns` said.
            stored: the events of their sessions since they began, in order.
            at: up to when what was due had left, in microseconds since the epoch.

        Returns:
            Spans that are not known to have left before.
        """
        again = (_told(page, held) for page in stored)
        left = [span for page in again if page for span in self.feed(page, 0)] + self._leave_due(at)
        for scope in [scope for scope in self._turns if scope.since(held) is None]:
            self._drop(self._turns[scope])
        return left

    def remember(self, spans: Iterable[Span]) -> None:
        """Tells of spans that left before a restart: they never leave again, and later turns link to them.

        Args:
            spans: as many of the last as are at hand, oldest first.
        """
        for span in self._departed.leave(spans):
            if is_turn_root(span):
                self._sessions.of(_scope_of_root(span)).began(span.span_id, span.start_ns // 1000, span.trace_id)

    def left(self, most: int) -> list[Left]:
        """So many of the turns that left last, for `recall` after a restart."""
        return self._departed.last(most)

    def recall(self, left: Iterable[Left]) -> None:
        """Tells of turns that left before a restart, where their spans are not at hand for `remember`."""
        self._departed.recall(left)

    @property
    def under_way(self) -> list[OpenTurn]:
        """Turns under way now."""
        return [turn for turn in self._turns.values() if turn.has_shape]

    @property
    def held(self) -> int:
        """Digests held now."""
        return self._held

    def _take(self, event: HookEvent) -> list[Span]:
        if _kind(event) is Kind.PASSIVE:
            return []
        scope = scope_of(event)
        session = self._sessions.of(scope)
        one = digest_of(event, capture_content=self._capture)
        if one.kind is Kind.SESSION_END:
            session.ended_at = max(session.ended_at or one.at, one.at)
        if not self._concerns_a_turn(scope, session, one):
            return []
        left = self._make_way(scope, one)
        self._add(scope, session, one)
        return left + self._evict()

    def _concerns_a_turn(self, scope: Scope, session: Session, one: Digest) -> bool:
        """Whether the event may still change a span; what only decorates a turn can come too late."""
        if scope in self._turns or scope.trace_id not in self._departed:
            return True
        if one.kind is Kind.SESSION_END:
            return bool(session.open)
        return one.kind not in {Kind.ECHO, Kind.NOTIFICATION}

    def _make_way(self, scope: Scope, one: Digest) -> list[Span]:
        """In the session-level trace an opening event closes the turn before: no prompt tells them apart."""
        turn = self._turns.get(scope)
        if scope.prompt_id or turn is None or one.kind is not Kind.OPEN or one.event_id in turn.digests:
            return []
        return self._close(turn, over_at=one.at) if turn.has_shape else []

    def _add(self, scope: Scope, session: Session, one: Digest) -> None:
        turn = self._turns.get(scope)
        if turn is None:
            turn = self._turns[scope] = OpenTurn(scope, session, one.at, one.at)
            session.open.add(scope)
        dropped, start = turn.dropped, turn.start
        self._held += turn.add(one)
        self.dropped_events += turn.dropped - dropped
        concerns_all = one.kind is Kind.SESSION_END or turn.start != start
        for other in session.open if concerns_all else (scope,):
            self._queue(self._turns[other])

    def _queue(self, turn: OpenTurn) -> None:
        """Sees to it that the turn is looked at no later than it, or a call of it, is due."""
        due = turn.look_at(self._early)
        if turn.queued is None or due < turn.queued:
            turn.queued = due
            heapq.heappush(self._due, (due, next(self._count), turn.scope))
            if len(self._due) > 2 * len(self._turns) + SPARE_DUE:
                self._forget_stale()

    def _forget_stale(self) -> None:
        """Drops what no turn waits for any more: each leaves an entry half an hour ahead when it is closed."""
        queued = {turn.scope: turn.queued for turn in self._turns.values()}
        self._due = [entry for entry in self._due if queued.get(entry[2]) == entry[0]]
        heapq.heapify(self._due)

    def _leave_due(self, at: int) -> list[Span]:
        left: list[Span] = []
        while self._due and self._due[0][0] < at:
            queued, _, scope = heapq.heappop(self._due)
            turn = self._turns.get(scope)
            if turn is None or turn.queued != queued:
                continue
            turn.queued = None
            left += self._look_at(turn, at)
        return left

    def _look_at(self, turn: OpenTurn, at: int) -> list[Span]:
        flush = turn.flush_at(self._early)
        if flush is not None and flush < min(at, turn.due_at):
            left = self._flush(turn, flush)
        elif turn.due_at < at:
            return self._close(turn)
        else:
            left = []
        self._queue(turn)
        return left

    def _flush(self, turn: OpenTurn, at: int) -> list[Span]:
        """The calls that had ended a moment before `at`, whenever that time is looked at."""
        around = self._around(turn)
        spans, waiting_since = finished_calls(turn.scope, turn.digests.values(), at - GRACE_US, around)
        turn.flushing.waiting_since, turn.flushing.last_at = waiting_since, at
        return self._gone(turn, spans)

    def _gone(self, turn: OpenTurn, spans: Iterable[Span]) -> list[Span]:
        """Those of a turn's spans that had not left, each in its trace."""
        fresh = [span for span in spans if span.span_id not in turn.flushing.left]
        turn.flushing.left.update(span.span_id for span in fresh)
        return self._departed.leave(turn.parts.place(fresh, turn.top_id))

    def _around(self, turn: OpenTurn) -> Surroundings:
        """How the turn goes on since its root left, if it has: a Stop hook may send the agent on late."""
        if turn.start is not None and turn.continues is None and turn.has_own_work:
            turn.continues = self._departed.continuation(turn.scope.trace_id, turn.root_id, turn.start)
        if turn.start is None or turn.continues is None:
            return Surroundings()
        times, since = turn.continues
        return Surroundings(continued=times, since=since if turn.start - since < IDLE_US else None)

    def _close(self, turn: OpenTurn, *, over_at: int | None = None) -> list[Span]:
        self._drop(turn)
        if turn.start is None:
            return []
        previous = turn.session.previous(turn.root_id, turn.start)
        over_at = turn.over_at if over_at is None else over_at
        around = msgspec.structs.replace(self._around(turn), previous=previous, over_at=over_at)
        left = self._gone(turn, spans_of_digests(turn.scope, turn.digests.values(), around))
        for span in left:
            if is_turn_root(span):  # it may have begun before its first event; after a restart only the span tells
                turn.session.began(span.span_id, span.start_ns // 1000, span.trace_id)
        return left

    def _drop(self, turn: OpenTurn) -> None:
        del self._turns[turn.scope]
        self._held -= len(turn.digests)
        turn.session.open.discard(turn.scope)

    def _evict(self) -> list[Span]:
        left: list[Span] = []
        while self._held > MAX_HELD:
            self.evicted_turns += 1
            left += self._close(min(self._turns.values(), key=lambda turn: turn.last_at))
        return left


def _told(page: Sequence[HookEvent], held: Mapping[str, int]) -> list[HookEvent]:
    """The stored events that say anything of what was held.

    Where an event without a prompt opened a turn, what came before it in the same microsecond is of another one.
    """
    told = [event for event in page if _tells(event, held)]
    opened = {
        (scope, event.received_at): event.seq
        for event in told
        if not event.prompt_id and _kind(event) is Kind.OPEN
        if event.received_at == (scope := scope_of(event)).since(held)
    }
    return [
        event
        for event in told
        if _kind(event) not in SHAPES_A_TURN or event.seq >= opened.get((scope_of(event), event.received_at), 0)
    ]


def _kind(event: HookEvent) -> Kind:
    return kind_of(event.hook_event_name, event.tool_name, event.agent_id)


def _tells(event: HookEvent, held: Mapping[str, int]) -> bool:
    """Whether a stored event says anything of what was held.

    Without a prompt it may be the rest of a turn that is over: without its beginning it would make another one.
    """
    since = 0 if event.prompt_id else scope_of(event).since(held)
    return since is not None and event.received_at >= since


def _scope_of_root(span: Span) -> Scope:
    """Whose turn a root span was."""
    agent_id = span.attributes.get(semconv.AGENT_ID)
    prompt_id = span.attributes.get(semconv.PROMPT_ID)
    return Scope(
        str(span.attributes.get(semconv.SESSION_ID, "")),
        str(prompt_id) if prompt_id else None,
        span.service,
        str(agent_id) if agent_id else None,
    )
