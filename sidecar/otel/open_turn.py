"""A turn that is not closed yet: the digests of its events, and what says when it may close."""

from dataclasses import dataclass, field

from sidecar.otel.digest import Digest
from sidecar.otel.early import GRACE_US, Early, Flushing
from sidecar.otel.kinds import ENDS_A_CALL, STOP_KINDS, TOOL_KINDS, Kind
from sidecar.otel.memory import Continuation, Session
from sidecar.otel.parts import Parts
from sidecar.otel.scope import Scope
from sidecar.otel.turn import SHAPES_A_TURN

MAX_DIGESTS = 10_000
"""Events kept of one turn; beyond it new tool calls are counted and left out."""

IDLE_US = 30 * 60 * 1_000_000
"""After this long without any event a turn is abandoned: the agent was killed."""

Order = tuple[int, int, str]
_STARTS = frozenset({Kind.SUBAGENT_START, Kind.PRE})
_GROWING = TOOL_KINDS | {Kind.BATCH, Kind.PERMISSION, Kind.NOTIFICATION}
"""Kinds that may come without end within one turn."""
_ENDS_ALL_CALLS = STOP_KINDS | {Kind.BATCH, Kind.SUBAGENT_STOP}


@dataclass(slots=True)
class OpenTurn:
    """State of one open turn; `start` is the receipt of its first event that shapes it, None before.

    `first_at` and `last_at` are the receipts of the earliest and the latest event of all.
    """

    scope: Scope
    session: Session
    first_at: int
    last_at: int
    start: int | None = None
    root_id: str = ""
    continues: Continuation | None = None
    """Set once something of it has left as a continuation, so that all of it does."""
    digests: dict[str, Digest] = field(default_factory=dict)
    dropped: int = 0
    queued: int | None = None
    flushing: Flushing = field(default_factory=Flushing)
    parts: Parts = field(init=False)
    asked: dict[tuple[str | None, str | None], int] = field(default_factory=dict)
    _calls: set[str] = field(default_factory=set)
    _ended: set[str | None] = field(default_factory=set)
    """Calls whose end is kept: beyond `MAX_DIGESTS` another one of the same call leaves nothing out."""
    _echo: str | None = None
    _stop: Order | None = None
    _work: Order | None = None
    _started: dict[str, Order] = field(default_factory=dict)
    _stopped: dict[str, Order] = field(default_factory=dict)
    _background: set[str] = field(default_factory=set)
    _told: tuple[Order, tuple[str, ...]] | None = None
    """The last Stop that tells what goes on in the background, and the subagents that do."""

    def __post_init__(self) -> None:
        self.parts = Parts(self.scope)

    def add(self, one: Digest) -> int:
        """Takes an event in; a repeat changes nothing. Returns by how many the digests grew."""
        if one.event_id in self.digests:
            return 0
        before = len(self.digests)
        self.first_at, self.last_at = min(self.first_at, one.at), max(self.last_at, one.at)
        self._note(one)
        if self._keeps(one):
            self.digests[one.event_id] = one
            self._shape(one)
            self.flushing.note(one)
        else:
            self.dropped += one.kind is not Kind.ECHO and one.call_id not in self._ended
        return len(self.digests) - before

    @property
    def has_shape(self) -> bool:
        """Whether anything came that makes spans."""
        return self.start is not None

    @property
    def finished(self) -> bool:
        """Whether the main agent stopped and did not go on."""
        return self._stop is not None and (self._work is None or self._work < self._stop)

    @property
    def has_own_work(self) -> bool:
        """Whether the main agent itself did anything; the rest may be a subagent's late word."""
        return any(one.owner is None and one.kind in SHAPES_A_TURN for one in self.digests.values())

    @property
    def top_id(self) -> str:
        """Span id above what the main agent did."""
        return self.scope.top_id(self.root_id, self.continues.times if self.continues else 0)

    @property
    def has_running_subagents(self) -> bool:
        """Whether a subagent has begun and not stopped since, unless the main agent's last Stop knows better."""
        return any(self._runs(agent, order) for agent, order in self._started.items())

    @property
    def has_background_subagents(self) -> bool:
        """Whether one of them works beside the main agent: for any other that waits before it goes on."""
        return any(agent in self._background and self._runs(agent, order) for agent, order in self._started.items())

    @property
    def due_at(self) -> int:
        """When the turn may close if nothing more comes, in microseconds since the epoch."""
        closed = [self.ended_at]
        if not self.has_running_subagents:
            closed += [self.went_on_at, self.last_at if self.finished else None]
        elif not self.has_background_subagents:
            closed += [self.went_on_at]
        known = [at for at in closed if at is not None]
        return max(self.last_at, min(known)) + GRACE_US if known else self.last_at + IDLE_US

    def look_at(self, early: Early) -> int:
        """When something of the turn may leave: the turn itself, or calls of it that ended."""
        flush = self.flush_at(early)
        return self.due_at if flush is None else min(flush, self.due_at)

    def flush_at(self, early: Early) -> int | None:
        """When finished calls may leave before the turn does; None when there are none."""
        return None if self.start is None else self.flushing.due_at(early, self.start, len(self.digests))

    @property
    def waiting_since(self) -> int | None:
        """When the user was first asked for a permission that no event has answered; None when nothing waits."""
        return min(self.asked.values(), default=None)

    @property
    def over_at(self) -> int | None:
        """When the session went on to another turn, or ended, after this one began."""
        return min((at for at in (self.went_on_at, self.ended_at) if at is not None), default=None)

    @property
    def went_on_at(self) -> int | None:
        """When the session's next turn began."""
        return None if self.start is None else self.session.next_after(self.start)

    @property
    def ended_at(self) -> int | None:
        """When the session ended, if that was after the turn began."""
        ended, since = self.session.ended_at, self.last_at - 1 if self.start is None else self.start
        return ended if ended is not None and ended > since else None

    def _keeps(self, one: Digest) -> bool:
        if one.kind is Kind.ECHO:
            return self._keeps_echo(one)
        return len(self.digests) < MAX_DIGESTS or one.kind not in _GROWING or (one.call_id or "") in self._calls

    def _keeps_echo(self, one: Digest) -> bool:
        """Only the newest: echoes come by the hundred, and only the time of the last one counts."""
        known = self.digests.get(self._echo or "")
        if known and known.order > one.order:
            return False
        if known:
            del self.digests[known.event_id]
        self._echo = one.event_id
        return True

    def _shape(self, one: Digest) -> None:
        if one.kind is Kind.PRE and one.call_id:
            self._calls.add(one.call_id)
        if one.kind in ENDS_A_CALL and one.call_id:
            self._ended.add(one.call_id)
        if one.kind in SHAPES_A_TURN and (self.start is None or one.at < self.start or one.kind is Kind.OPEN):
            self.start = min(one.at, one.at if self.start is None else self.start)
            self.root_id = self.scope.root_id(self.digests.values())
            self.session.began(self.root_id, self.start, self.scope.trace_id)

    def _note(self, one: Digest) -> None:
        """Keeps what says when the turn may close; each part is a maximum, so order plays no role."""
        if one.kind in STOP_KINDS:
            self._stop = max(self._stop or one.order, one.order)
        if one.kind is Kind.PRE and one.owner is None:
            self._work = max(self._work or one.order, one.order)
        self._note_subagents(one)
        self._note_permission(one)

    def _note_permission(self, one: Digest) -> None:
        """No event is the answer to a request: it waits until a call of its tool ends, or all of its agent."""
        if one.kind is Kind.PERMISSION:
            self.asked[one.owner, one.tool] = one.at
        elif self.asked and one.kind in ENDS_A_CALL:
            self.asked.pop((one.owner, one.tool), None)
        elif self.asked and one.kind in _ENDS_ALL_CALLS:
            self.asked = {key: at for key, at in self.asked.items() if key[0] != one.owner}

    def _note_subagents(self, one: Digest) -> None:
        if one.kind is Kind.SUBAGENT_STOP and one.owner:
            self._stopped[one.owner] = max(self._stopped.get(one.owner, one.order), one.order)
        elif one.owner and (one.kind in _STARTS or one.owner not in self._started):
            self._started[one.owner] = max(self._started.get(one.owner, one.order), one.order)
        if one.child and one.child_ended:
            self._stopped[one.child] = max(self._stopped.get(one.child, one.order), one.order)
        elif one.child:
            self._background.add(one.child)
        if one.kind is Kind.STOP and one.count is not None:
            self._told = max(self._told or (one.order, one.running), (one.order, one.running))
            self._background.update(one.running)
        for agent in one.running if one.kind in STOP_KINDS else ():
            if agent not in self._stopped:
                self._started.setdefault(agent, one.order)

    def _runs(self, agent: str, since: Order) -> bool:
        over = self._told is not None and since < self._told[0] and agent not in self._told[1]
        return not over and since > self._stopped.get(agent, (0, 0, ""))
