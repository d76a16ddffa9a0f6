"""Subagents of a turn: when each ran, and which tool call started it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sidecar.otel.calls import ToolCall
from sidecar.otel.digest import MAY_SPAWN, SPAWNERS, Digest
from sidecar.otel.kinds import Kind


@dataclass(slots=True)
class Subagent:
    """One subagent; `inferred` says that its launcher is our guess, since no event names it.

    `compaction` is the PreCompact of the one that it worked for: of the client's own agent nothing comes but its end.
    """

    agent_id: str
    first: Digest
    last: Digest
    name: str | None = None
    stop: Digest | None = None
    launcher: ToolCall | None = None
    inferred: bool = False
    compaction: Digest | None = None
    worked_since: int | None = None

    @property
    def began_at(self) -> int:
        """Receipt of its first event, or the compaction's; or the start of a call of which only the end was seen."""
        begun = (self.compaction or self.first).at
        return begun if self.first.kind is Kind.SUBAGENT_START else min(begun, self.worked_since or begun)

    @property
    def ended_at(self) -> int | None:
        """Receipt of its last stop, or of the end of the call that waited for it; None when neither came."""
        if self.stop:
            return self.stop.at
        end = self.launcher.end if self.launcher else None
        return max(end.at, self.last.at) if end and (end.child_ended or end.kind is Kind.FAIL) else None

    @property
    def error_type(self) -> str | None:
        """Why its model failed; or the call that waited for it, when nothing else ended it."""
        if self.stop:
            return self.stop.error_type
        end = self.launcher.end if self.launcher else None
        return end.error_type if end else None


def subagents(digests: Sequence[Digest], calls: Sequence[ToolCall]) -> dict[str, Subagent]:
    """The subagents of a turn by their id, in order of their first event, each with the call that started it.

    Args:
        digests: of one turn, sorted by their order.
        calls: the turn's tool calls.
    """
    found = _gather(digests)
    _link_compactions(found, digests)
    _note_work(found, calls)
    _link_named(found, calls)
    _link_inferred(found, calls)
    return found


def _gather(digests: Iterable[Digest]) -> dict[str, Subagent]:
    found: dict[str, Subagent] = {}
    for one in digests:
        if one.owner is None or one.kind is Kind.PASSIVE:
            continue
        agent = found.setdefault(one.owner, Subagent(one.owner, one, one))
        agent.last = one
        agent.name = agent.name or one.owner_type
        if one.kind is Kind.SUBAGENT_STOP:
            agent.stop = one
    return found


def _note_work(found: Mapping[str, Subagent], calls: Iterable[ToolCall]) -> None:
    for call in calls:
        at = call.seen_from_its_end
        if call.owner and at is not None:
            found[call.owner].worked_since = min(at, found[call.owner].worked_since or at)


def _link_compactions(found: Mapping[str, Subagent], digests: Iterable[Digest]) -> None:
    """Links agents of which only the end is told, without a type, to the compaction that was under way then."""
    begun: Digest | None = None
    for one in digests:
        if one.kind is Kind.COMPACT_START:
            begun = one
        elif one.kind is Kind.COMPACT_END:
            begun = None
        elif one.kind is Kind.SUBAGENT_STOP and one.owner and not one.owner_type and found[one.owner].first is one:
            found[one.owner].compaction = begun


def _link_named(found: Mapping[str, Subagent], calls: Iterable[ToolCall]) -> None:
    """Links by what the client says: the answer of the Agent call names the subagent."""
    for call in calls:
        agent = found.get(call.end.child or "") if call.end else None
        if agent and agent.launcher is None and not _within(call, agent.agent_id, found):
            agent.launcher = call


def _link_inferred(found: Mapping[str, Subagent], calls: Iterable[ToolCall]) -> None:
    """Links the rest to the newest call that was open when they began, may start some, and that nobody claims."""
    claimed = {agent.launcher.key for agent in found.values() if agent.launcher}
    spawning = [call for call in calls if _may_spawn(call)]
    for agent in found.values():
        if agent.launcher or agent.compaction:
            continue
        fitting = [
            call
            for call in spawning
            if call.key not in claimed and _open_at(call, agent) and not _within(call, agent.agent_id, found)
        ]
        agent.launcher = max(fitting, key=lambda call: call.pre.order if call.pre else (0, 0, ""), default=None)
        if agent.launcher:
            agent.inferred = True
            claimed.add(agent.launcher.key)


def _may_spawn(call: ToolCall) -> bool:
    """Of a skill only one that was cut off: the answer of any other has told whether a subagent did its work."""
    if call.end is None:
        return call.pre is not None and call.tool in MAY_SPAWN
    return call.pre is not None and call.tool in SPAWNERS and call.end.child is None


def _open_at(call: ToolCall, agent: Subagent) -> bool:
    if call.pre is None or call.pre.order > agent.first.order:
        return False
    return call.ended_at is None or call.ended_at >= agent.first.at


def _within(call: ToolCall, agent_id: str, found: Mapping[str, Subagent]) -> bool:
    """Whether the call was made by that subagent or by one below it: such a call cannot have started it."""
    owner, seen = call.owner, set[str]()
    while owner is not None and owner not in seen:
        if owner == agent_id:
            return True
        seen.add(owner)
        agent = found.get(owner)
        owner = agent.launcher.owner if agent and agent.launcher else None
    return False
