"""`invoke_agent` spans: the turn's root and its subagents."""

from collections.abc import Sequence

import msgspec

from sidecar.otel import semconv
from sidecar.otel.digest import MAX_CONTENT_BYTES, Digest
from sidecar.otel.kinds import STOP_KINDS, Kind
from sidecar.otel.model import Attributes, Span
from sidecar.otel.subagents import Subagent
from sidecar.otel.tree import Tree
from sidecar.otel.turn import Surroundings


def root_span(tree: Tree, around: Surroundings) -> Span:
    """The turn itself, from the prompt to the Stop or the last sign of work, or how it went on after it had left."""
    turn, scope = tree.turn, tree.scope
    return tree.span(
        tree.root_id,
        tree.above,
        f"{semconv.INVOKE_AGENT} {scope.agent}",
        (turn.start, turn.end),
        _agent(scope.agent, scope.agent_id) | _turn_facts(tree) | messages(turn.digests, None),
        error_type=turn.error_type,
        events=tree.events_of(None),
        links=(around.previous,) if around.previous and not tree.continued else (),
    )


def subagent_span(tree: Tree, agent: Subagent) -> Span:
    """A subagent, below the call or the compaction that started it; it may outlive that call and the turn."""
    launch = agent.launcher.end if agent.launcher else None
    facts: Attributes = {semconv.PARENT_INFERRED: True} if agent.inferred else {}
    if launch and launch.child_model and not agent.inferred:
        facts[semconv.REQUEST_MODEL] = launch.child_model
    return tree.span(
        tree.agent_id(agent.agent_id),
        tree.parent_of(agent),
        f"{semconv.INVOKE_AGENT} {agent.name or ''}".rstrip(),
        (agent.began_at, tree.agent_end(agent.agent_id)),
        _agent(agent.name, agent.agent_id) | facts | messages(tree.turn.digests, agent.agent_id),
        error_type=tree.turn.loose_end if agent.ended_at is None else agent.error_type,
        events=tree.events_of(agent.agent_id),
    )


def _agent(name: str | None, agent_id: str | None) -> Attributes:
    found = {
        semconv.OPERATION_NAME: semconv.INVOKE_AGENT,
        semconv.AGENT_NAME: name,
        semconv.AGENT_ID: agent_id,
    }
    return {key: value for key, value in found.items() if value}


def _turn_facts(tree: Tree) -> Attributes:
    digests = tree.turn.digests
    own = [one for one in digests if one.owner is None]
    found: dict[str, str | int | None] = {
        semconv.TURN_OUTCOME: tree.turn.outcome.value,
        semconv.TURN_CONTINUED: tree.continued or None,
        semconv.TURN_TOOL_CALLS: sum(call.owner is None for call in tree.turn.calls),
        semconv.PROMPT_LENGTH: next((one.count for one in digests if one.kind is Kind.OPEN), None),
        semconv.PERMISSION_MODE: next((one.mode for one in own if one.mode), None),
        semconv.REASONING_LEVEL: next((one.effort for one in own if one.effort), None),
        semconv.BACKGROUND_TASKS_COUNT: _last_background_tasks(digests),
    }
    return {key: value for key, value in found.items() if value is not None}


def _last_background_tasks(digests: Sequence[Digest]) -> int | None:
    """How many tasks a Stop says it leaves: a later one knows better."""
    return next((one.count for one in reversed(digests) if one.kind is Kind.STOP and one.count is not None), None)


def messages(digests: Sequence[Digest], owner: str | None) -> Attributes:
    """The first prompt and the last answer of one agent, when content was captured, in the conventions' form."""
    asked = next((one.content[0] for one in digests if one.kind is Kind.OPEN and one.owner == owner), "")
    ends = STOP_KINDS | {Kind.SUBAGENT_STOP}
    said = next((one.content[1] for one in reversed(digests) if one.kind in ends and one.owner == owner), "")
    found: Attributes = {}
    if asked:
        found[semconv.INPUT_MESSAGES] = _message("user", asked)
    if said:
        found[semconv.OUTPUT_MESSAGES] = _message("assistant", said)
    return found


def _message(role: str, text: str) -> str:
    """One message as JSON, at most `MAX_CONTENT_BYTES` long."""
    wrapped = [{"role": role, "parts": [{"type": "text", "content": text}]}]
    encoded = msgspec.json.encode(wrapped)
    if len(encoded) <= MAX_CONTENT_BYTES:
        return encoded.decode()
    fitting = len(text) * MAX_CONTENT_BYTES // len(encoded)
    return _message(role, text[: min(fitting, len(text) - 1)])
