"""The events of a turn → its spans. A function of the set of events: order and repeats change nothing."""

from collections.abc import Iterable, Sequence

from sidecar.events import HookEvent
from sidecar.otel.agent_spans import root_span, subagent_span
from sidecar.otel.calls import ToolCall
from sidecar.otel.compactions import compaction_spans
from sidecar.otel.digest import Digest, digest_of
from sidecar.otel.model import Span
from sidecar.otel.scope import Scope, scope_of
from sidecar.otel.tool_spans import permission_span, tool_span
from sidecar.otel.tree import Tree
from sidecar.otel.turn import Surroundings, read_turn

NOTHING_KNOWN = Surroundings()


def spans_of_turn(
    events: Sequence[HookEvent], around: Surroundings = NOTHING_KNOWN, *, capture_content: bool = False
) -> list[Span]:
    """The spans of one turn, children by start, the root last; empty when the events make no turn.

    Args:
        events: of one turn of one session, in any order, repeats allowed. In the session-level trace: those
            from one opening event up to the next.
        around: what the turn's own events cannot tell.
        capture_content: puts prompts, answers, tool inputs and results on spans, capped; off by default.
    """
    if not events:
        return []
    first = min(events, key=lambda event: (event.received_at, event.seq, event.event_id))
    digests = [digest_of(event, capture_content=capture_content) for event in events]
    return spans_of_digests(scope_of(first), digests, around)


def spans_of_digests(scope: Scope, digests: Iterable[Digest], around: Surroundings) -> list[Span]:
    """The same from digests, which is what an open turn keeps."""
    turn = read_turn(digests, around)
    if turn is None:
        return []
    tree = Tree(scope, turn, around.continued)
    children = _call_spans(tree, turn.calls)
    children += [subagent_span(tree, agent) for agent in turn.agents.values()]
    children += compaction_spans(tree)
    children.sort(key=lambda span: (span.start_ns, span.span_id))
    return [*children, root_span(tree, around)]


def finished_calls(
    scope: Scope, digests: Iterable[Digest], until: int, around: Surroundings = NOTHING_KNOWN
) -> tuple[list[Span], int | None]:
    """Spans of the calls that ended by `until`, by start, and when the first call after that ended.

    Args:
        scope: whose turn it is.
        digests: what is known of the turn so far.
        until: microseconds since the epoch.
        around: what the turn's own events cannot tell.
    """
    turn = read_turn(digests, around)
    if turn is None:
        return [], None
    ended = [(call.ended_at, call) for call in turn.calls if call.ended_at is not None]
    spans = _call_spans(Tree(scope, turn, around.continued), [call for at, call in ended if at <= until])
    spans.sort(key=lambda span: (span.start_ns, span.span_id))
    return spans, min((at for at, _ in ended if at > until), default=None)


def _call_spans(tree: Tree, calls: Sequence[ToolCall]) -> list[Span]:
    waits = [permission_span(tree, call, asked) for call in calls if (asked := call.permission)]
    return [tool_span(tree, call) for call in calls] + waits
