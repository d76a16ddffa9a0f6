"""Trace and span ids, derived from what the agent sent: the same events give the same ids, on any host.

A trace is a turn: (session, prompt). A span's id adds its kind and its own key. There is no salt and no
state, so the columns `trace_id` and `span_id` of an event are known when it is received, long before its span
exists.
"""

from functools import lru_cache
from hashlib import blake2b

from sidecar.otel.kinds import TOOL_KINDS, Kind, is_guide, kind_of

TRACE_BYTES = 16
SPAN_BYTES = 8

TURN = "turn"
TOOL = "tool"
SUBAGENT = "agent"
PERMISSION = "permission"
COMPACTION = "compact"
PART = "part"


@lru_cache(256)
def trace_id(session_id: str, prompt_id: str | None) -> str:
    """32 hex digits of the trace of a turn; without a prompt that of the session-level trace."""
    prompt = prompt_id or ""
    return _digest(TRACE_BYTES, f"trace {len(session_id)}:{session_id}{len(prompt)}:{prompt}")


def span_id(session_id: str, prompt_id: str | None, kind: str, key: str = "") -> str:
    """16 hex digits of one span.

    Args:
        session_id: the agent's session.
        prompt_id: the turn within it; None in the session-level trace.
        kind: one of the constants above.
        key: what tells spans of that kind apart: tool_use_id, agent_id, the id of the opening event.
    """
    prompt = prompt_id or ""
    return _digest(SPAN_BYTES, f"span {len(session_id)}:{session_id}{len(prompt)}:{prompt}{kind}:{key}")


def part_trace_id(session_id: str, prompt_id: str | None, part: str) -> str:
    """32 hex digits of a trace in which a huge turn goes on.

    Args:
        session_id: the agent's session.
        prompt_id: the turn within it; None in the session-level trace.
        part: what tells the parts of the session's turns apart.
    """
    return _digest(TRACE_BYTES, f"{trace_id(session_id, prompt_id)} {PART}:{part}")


def turn_key(prompt_id: str | None, opening_event_id: str | None, agent_id: str | None) -> str:
    """The key of a turn's root: a prompt names one turn; without one each opening event starts another.

    Where neither is known it is the main agent's: those of one session must not share a root.
    """
    return "" if prompt_id else opening_event_id or (f"agent {agent_id}" if agent_id else "")


def ids_of(  # noqa: PLR0913 - the event's own fields, so that no event need exist yet
    *,
    session_id: str,
    prompt_id: str | None,
    event_id: str,
    hook_event_name: str,
    tool_name: str | None = None,
    tool_use_id: str | None = None,
    agent_id: str | None = None,
) -> tuple[str, str]:
    """`(trace_id, span_id)` of the span that one event belongs to, from the event's own fields only.

    Tool events belong to their tool's span, other events of a subagent to the subagent's, all else to the
    root of the turn. In the session-level trace an event that neither opens a turn nor names its tool call
    can only be given the session's own span id, or that of its main agent, which is exported when the turn had
    no opening event.
    """
    kind = kind_of(hook_event_name, tool_name, agent_id)
    main = agent_id if is_guide(hook_event_name) else None
    span_kind, key = TURN, turn_key(prompt_id, event_id if kind is Kind.OPEN else None, main)
    if kind in TOOL_KINDS and (tool_use_id or kind is Kind.PRE):
        span_kind, key = TOOL, tool_use_id or event_id
    elif agent_id and not is_guide(hook_event_name):
        span_kind, key = SUBAGENT, agent_id
    return trace_id(session_id, prompt_id), span_id(session_id, prompt_id, span_kind, key)


def _digest(size: int, text: str) -> str:
    """Hex of a hash, never all zeros. The text states the lengths of its parts, so that no two read alike."""
    found = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
    return found if found.strip("0") else "1".rjust(size * 2, "0")
