"""Tool calls of a turn: which events speak of the same call, and how it ended."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sidecar.otel import failures
from sidecar.otel.digest import Call, Digest
from sidecar.otel.kinds import TOOL_KINDS, Kind

MICROS_PER_MS = 1000
_SPEAKS_OF_CALLS = TOOL_KINDS | {Kind.BATCH}


@dataclass(slots=True)
class ToolCall:
    """One call. `key` is its tool_use_id, or the id of its first event where the agent gives none."""

    key: str
    tool: str
    owner: str | None
    pre: Digest | None = None
    end: Digest | None = None
    batch: Digest | None = None
    listed: Call | None = None
    permission: Digest | None = None

    @property
    def ended_at(self) -> int | None:
        """Receipt of what ended it, in microseconds; None when nothing did."""
        last = self.end or self.batch
        return last.at if last else None

    @property
    def use_id(self) -> str | None:
        """The agent's own id of the call, where it gives one."""
        return self.listed.call_id if self.listed else next((one.call_id for one in self.sources), None)

    @property
    def sources(self) -> tuple[Digest, ...]:
        """What is known of it, first to last."""
        return tuple(one for one in (self.pre, self.end, self.batch) if one)

    @property
    def error_type(self) -> str | None:
        """Why it failed.

        A call that began and that only the batch ended was refused in between, by the user or by a hook, in words of
        their own: whatever runs tells its end by an event (client 2.1.330).
        """
        if self.end:
            return self.end.error_type
        verdict = self.listed.error_type if self.listed else None
        if verdict is None and self.batch and self.pre:
            return failures.PERMISSION_DENIED
        return verdict

    @property
    def seen_from_its_end(self) -> int | None:
        """When it began by its own duration, in microseconds, where only its end was seen."""
        return self.starts_at(0, self.end.at) if self.end and self.pre is None else None

    @property
    def ran(self) -> bool:
        """Whether the tool itself was started and ended."""
        return self.end is not None and self.end.kind is not Kind.DENIED

    def starts_at(self, earliest: int, ends_at: int) -> int:
        """Receipt of PreToolUse, else the end minus the tool's own duration, but not before `earliest`."""
        if self.pre and self.pre.at <= ends_at:
            return self.pre.at
        duration = self.end.duration_ms if self.end else None
        return min(ends_at, max(earliest, ends_at - int((duration or 0) * MICROS_PER_MS)))


@dataclass(slots=True)
class _Pairing:
    calls: dict[str, ToolCall] = field(default_factory=dict)
    waiting: dict[tuple[str | None, str | None], deque[ToolCall]] = field(default_factory=lambda: defaultdict(deque))

    def take(self, one: Digest) -> None:
        if one.kind is Kind.PRE:
            self._start(one)
        elif one.kind is Kind.BATCH:
            self._list(one)
        else:
            self._end(one)

    def _start(self, one: Digest) -> None:
        call = self._named(one.call_id or one.event_id, one)
        call.pre = call.pre or one
        if not one.call_id:
            self.waiting[one.queue, one.tool].append(call)

    def _end(self, one: Digest) -> None:
        waiting = self.waiting[one.queue, one.tool]
        nameless = waiting.popleft() if waiting and not one.call_id else None
        call = nameless or self._named(one.call_id or one.event_id, one)
        call.end = call.end or one

    def _list(self, one: Digest) -> None:
        for listed in one.calls:
            call = self._named(listed.call_id, one, listed.tool)
            if call.batch is None:
                call.batch, call.listed = one, listed

    def _named(self, key: str, one: Digest, tool: str | None = None) -> ToolCall:
        return self.calls.setdefault(key, ToolCall(key, one.tool or tool or "", one.owner))


def tool_calls(digests: Sequence[Digest]) -> list[ToolCall]:
    """The calls of a turn, in order of their first event.

    Calls with a tool_use_id are put together by it; those without pair first start with first end, by agent
    and tool. A second start or end of the same call says nothing new.

    Args:
        digests: of one turn, sorted by their order.
    """
    pairing = _Pairing()
    for one in digests:
        if one.kind in _SPEAKS_OF_CALLS:
            pairing.take(one)
    return list(pairing.calls.values())


def give_permissions(calls: Iterable[ToolCall], digests: Sequence[Digest]) -> list[Digest]:
    """Gives each permission request to its call; returns the requests that belong to none.

    A request names no call: it is the newest one open at that moment of the same tool in the same agent, the
    same input before any other.
    """
    started: dict[tuple[str | None, str | None], list[ToolCall]] = defaultdict(list)
    for call in calls:
        started[call.owner, call.tool].append(call)
    asked = [one for one in digests if one.kind is Kind.PERMISSION]
    return [one for one in asked if not _give(started[one.owner, one.tool], one)]


def _give(calls: Sequence[ToolCall], request: Digest) -> bool:
    fitting = [call for call in calls if _open_at(call, request) and call.permission is None]
    same = [call for call in fitting if call.pre and call.pre.input_mark == request.input_mark]
    chosen = max(same or fitting, key=_started, default=None)
    if chosen is not None:
        chosen.permission = request
    return chosen is not None


def _open_at(call: ToolCall, request: Digest) -> bool:
    if call.pre is None or call.pre.order > request.order:
        return False
    return call.ended_at is None or call.ended_at >= request.at


def _started(call: ToolCall) -> tuple[int, int, str]:
    return call.pre.order if call.pre else (0, 0, "")
