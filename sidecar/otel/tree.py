"""Where each span of a turn hangs and when it ends."""

from dataclasses import dataclass, field

from sidecar.otel import ids, semconv
from sidecar.otel.calls import ToolCall
from sidecar.otel.digest import Digest
from sidecar.otel.kinds import Kind
from sidecar.otel.model import NANOS_PER_MICRO, Attributes, Span, SpanEvent, SpanLink, SpanStatus
from sidecar.otel.scope import Scope
from sidecar.otel.subagents import Subagent
from sidecar.otel.turn import Turn

_EVENT_NAMES = {Kind.NOTIFICATION: semconv.NOTIFICATION, Kind.AGENT_ERROR: semconv.AGENT_ERROR}


@dataclass(frozen=True, slots=True)
class Tree:
    """A turn and whose it is: answers parents and times, makes spans.

    When the turn went on after its root had left, `root_id` is that of the continuation, `above` the root's.
    """

    scope: Scope
    turn: Turn
    continued: int = 0
    above: str | None = field(init=False)
    root_id: str = field(init=False)

    def __post_init__(self) -> None:
        root_id = self.scope.root_id(self.turn.digests)
        object.__setattr__(self, "above", root_id if self.continued else None)
        object.__setattr__(self, "root_id", self.scope.top_id(root_id, self.continued))

    def call_id(self, call: ToolCall) -> str:
        """Span id of a tool call."""
        return self.scope.span_id(ids.TOOL, call.key)

    def agent_id(self, owner: str | None) -> str:
        """Span id of the agent that owns something: a subagent, else the root."""
        return self.root_id if owner is None else self.scope.span_id(ids.SUBAGENT, owner)

    def compaction_id(self, begun: Digest) -> str:
        """Span id of a compaction, by its first event."""
        return self.scope.span_id(ids.COMPACTION, begun.event_id)

    def parent_of(self, agent: Subagent) -> str:
        """Span id above a subagent: the call that started it, or the compaction, else the root."""
        if agent.compaction:
            return self.compaction_id(agent.compaction)
        return self.call_id(agent.launcher) if agent.launcher else self.root_id

    def agent_end(self, owner: str | None) -> int:
        """When an agent ended, in microseconds.

        A subagent that never said so ended with the agent that still waited for it, else with its last event.
        """
        if owner is None:
            return self.turn.end
        agent = self.turn.agents[owner]
        if agent.ended_at is not None:
            return agent.ended_at
        if agent.launcher is None or agent.launcher.ended_at is not None:
            return agent.last.at
        return max(agent.last.at, self.agent_end(agent.launcher.owner))

    def call_times(self, call: ToolCall) -> tuple[int, int]:
        """Start and end of a call, in microseconds; one that nothing ended lasts as long as its agent."""
        end = call.ended_at
        if end is None:
            begun = max(one.at for one in call.sources)
            end = max(begun, self.agent_end(call.owner))
        return call.starts_at(self.turn.start, end), end

    def events_of(self, owner: str | None) -> tuple[SpanEvent, ...]:
        """Notifications, permission requests without a call and errors of one agent, by time."""
        told = [
            SpanEvent(_EVENT_NAMES[one.kind], one.at * NANOS_PER_MICRO, _event_words(one))
            for one in self.turn.digests
            if one.kind in _EVENT_NAMES and one.owner == owner
        ]
        told += [
            SpanEvent(semconv.PERMISSION_REQUEST, one.at * NANOS_PER_MICRO, {semconv.TOOL_NAME: one.tool or ""})
            for one in self.turn.unclaimed
            if one.owner == owner
        ]
        return tuple(sorted(told, key=lambda event: event.at_ns))

    def span(  # noqa: PLR0913 - a span has that many parts
        self,
        span_id: str,
        parent: str | None,
        name: str,
        times: tuple[int, int],
        attributes: Attributes,
        *,
        error_type: str | None = None,
        events: tuple[SpanEvent, ...] = (),
        links: tuple[SpanLink, ...] = (),
    ) -> Span:
        """A span of this turn with the attributes that all share; `times` are microseconds."""
        return Span(
            trace_id=self.scope.trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            start_ns=times[0] * NANOS_PER_MICRO,
            end_ns=max(times) * NANOS_PER_MICRO,
            status=SpanStatus.ERROR if error_type else SpanStatus.UNSET,
            service=self.scope.agent,
            attributes=attributes | self.scope.shared() | ({semconv.ERROR_TYPE: error_type} if error_type else {}),
            events=events,
            links=links,
        )


def _event_words(one: Digest) -> Attributes:
    if one.kind is Kind.AGENT_ERROR:
        return {semconv.ERROR_TYPE: one.error_type or semconv.OTHER_ERROR}
    return {semconv.NOTIFICATION_TYPE: one.label} if one.label else {}
