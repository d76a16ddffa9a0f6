"""A turn as read from its events: when it ran, what was in it, how it ended."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from sidecar.otel import failures
from sidecar.otel.calls import ToolCall, give_permissions, tool_calls
from sidecar.otel.digest import Digest
from sidecar.otel.kinds import STOP_KINDS, Kind
from sidecar.otel.model import SpanLink
from sidecar.otel.subagents import Subagent, subagents


class Outcome(enum.StrEnum):
    """How a turn ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    ABANDONED = "abandoned"
    API_ERROR = "api_error"
    DENIED = "denied"


class Surroundings(msgspec.Struct, frozen=True):
    """What a turn's own events cannot tell.

    `previous` links to the root of the session's turn before. `over_at` is when the session went on to another
    prompt, or ended, in microseconds since the epoch, so that a turn without a Stop was interrupted and not merely
    abandoned; None while it did neither. `continued` is how often the turn went on after its root had left, `since`
    the end of what had left where that was not long before.
    """

    previous: SpanLink | None = None
    over_at: int | None = None
    continued: int = 0
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Times are microseconds since the epoch."""

    digests: Sequence[Digest]
    calls: Sequence[ToolCall]
    unclaimed: Sequence[Digest]
    agents: dict[str, Subagent]
    start: int
    end: int
    outcome: Outcome
    error_type: str | None

    @property
    def loose_end(self) -> str:
        """`error.type` of what never ended within this turn."""
        return failures.INTERRUPTED if self.outcome is Outcome.INTERRUPTED else failures.ABANDONED


SHAPES_A_TURN = frozenset(Kind) - {Kind.SESSION_END, Kind.NOTIFICATION, Kind.ECHO, Kind.PASSIVE}
"""Without any event of these kinds there was no turn, and no span is made."""


def read_turn(digests: Iterable[Digest], around: Surroundings) -> Turn | None:
    """The turn that these events make, in whatever order and however often they are given; None when none."""
    known = {one.event_id: one for one in sorted(digests, key=lambda one: one.order, reverse=True)}
    ordered = sorted(known.values(), key=lambda one: one.order)
    start = next((one.at for one in ordered if one.kind in SHAPES_A_TURN), None)
    if start is None:
        return None
    calls = tool_calls(ordered)
    start = min([start, *_known_before(ordered, calls, around)])
    unclaimed = give_permissions(calls, ordered)
    agents = subagents(ordered, calls)
    outcome, finish = _outcome(ordered, calls, around)
    end = finish.at if finish else _last_activity(ordered, calls, around)
    return Turn(ordered, calls, unclaimed, agents, start, max(start, end), outcome, _error_type(outcome, finish))


def _known_before(digests: Sequence[Digest], calls: Sequence[ToolCall], around: Surroundings) -> list[int]:
    """Times before its first event at which the turn ran: what it continues, or calls of which only the end was seen.

    Such calls tell nothing where the opening event was seen: then the turn cannot have begun before it.
    """
    if around.continued or any(one.kind is Kind.OPEN for one in digests):
        return [] if around.since is None else [around.since]
    return [at for at in (call.seen_from_its_end for call in calls) if at is not None]


def finisher(digests: Sequence[Digest]) -> Digest | None:
    """The Stop that ended the turn; None while there is none, or when the main agent went on after it.

    A turn that only compacts, by `/compact`, has no Stop: the end of the last compaction is its own. So it is when a
    subagent does all of it, as for a command that is a skill with `context: fork`.
    """
    delegated, stops, goes_on = _what_ends(digests)
    last = None
    for one in digests:
        if one.kind in stops:
            last = one
        elif one.kind in goes_on and (one.owner is None or delegated):
            last = None
    return last


def _what_ends(digests: Sequence[Digest]) -> tuple[bool, frozenset[Kind], frozenset[Kind]]:
    """Whether subagents did it all, what ends such a turn, and what goes on with it."""
    kinds = {one.kind for one in digests}
    if all(one.owner for one in digests if one.kind in SHAPES_A_TURN):
        return True, frozenset({Kind.SUBAGENT_STOP}), frozenset({Kind.SUBAGENT_START, Kind.PRE})
    if Kind.COMPACT_END in kinds and kinds.isdisjoint({Kind.OPEN, Kind.PRE}):
        return False, STOP_KINDS | {Kind.COMPACT_END}, frozenset({Kind.COMPACT_START})
    return False, STOP_KINDS, frozenset({Kind.PRE})


def _outcome(
    digests: Sequence[Digest], calls: Sequence[ToolCall], around: Surroundings
) -> tuple[Outcome, Digest | None]:
    finish = finisher(digests)
    if finish:
        failed = finish.kind is Kind.STOP_FAILURE or finish.error_type
        return (Outcome.API_ERROR if failed else Outcome.COMPLETED), finish
    own = [call for call in calls if call.owner is None]
    if own and own[-1].error_type == failures.PERMISSION_DENIED:
        return Outcome.DENIED, None
    ended = around.over_at is not None or any(one.kind is Kind.SESSION_END for one in digests)
    return (Outcome.INTERRUPTED if ended else Outcome.ABANDONED), None


def _error_type(outcome: Outcome, finish: Digest | None) -> str | None:
    if outcome is Outcome.COMPLETED:
        return None
    if outcome is Outcome.API_ERROR:
        return finish.error_type if finish else None
    return failures.PERMISSION_DENIED if outcome is Outcome.DENIED else outcome.value


def _last_activity(digests: Sequence[Digest], calls: Sequence[ToolCall], around: Surroundings) -> int:
    """The end of a turn without a Stop: its last sign of work.

    No event tells that the user pressed Esc. What a call was doing then went on unseen, so that a turn with an open
    call ended when the session did, or went on; with none open it stays at that sign: a user may stay for hours.
    """
    still = {Kind.NOTIFICATION, Kind.PASSIVE, Kind.SESSION_END}
    worked = max(one.at for one in digests if one.kind not in still)
    if all(call.ended_at is not None for call in calls):
        return worked
    over = [one.at for one in digests if one.kind is Kind.SESSION_END]
    over += [around.over_at] if around.over_at is not None else []
    return min((at for at in over if at > worked), default=worked)
