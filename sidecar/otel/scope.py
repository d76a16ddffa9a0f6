"""Whose turn it is: what all spans of one turn share."""

from collections.abc import Iterable, Mapping

import msgspec

from sidecar.events import HookEvent
from sidecar.otel import ids, semconv
from sidecar.otel.digest import Digest
from sidecar.otel.kinds import Kind, is_guide
from sidecar.otel.model import Attributes

PROVIDERS = {"claude-code": "anthropic"}
"""Who serves the models of an agent; the convention asks for a name, so others answer with their own."""


class Scope(msgspec.Struct, frozen=True):
    """One turn of one agent. `agent_id` is the main agent's own id, where only that tells turns apart."""

    session_id: str
    prompt_id: str | None
    agent: str
    agent_id: str | None = None

    @property
    def trace_id(self) -> str:
        """The trace of the turn."""
        return ids.trace_id(self.session_id, self.prompt_id)

    @property
    def held_key(self) -> str:
        """What names an open turn over a restart: its trace, and where agents share that whose it is."""
        return self.trace_id if self.prompt_id else f"{self.trace_id} {self.agent} {self.agent_id or ''}"

    def since(self, held: Mapping[str, int]) -> int | None:
        """When the turn began, of those that were open; None when it was not. Once traces alone were kept."""
        return held.get(self.held_key, held.get(self.trace_id))

    def span_id(self, kind: str, key: str = "") -> str:
        """The id of one span of the turn."""
        return ids.span_id(self.session_id, self.prompt_id, kind, key)

    def root_id(self, digests: Iterable[Digest]) -> str:
        """The id of the turn's root, by its earliest opening event where there is no prompt id."""
        opening = min((one.order for one in digests if one.kind is Kind.OPEN), default=None)
        return self.span_id(ids.TURN, ids.turn_key(self.prompt_id, opening[-1] if opening else None, self.agent_id))

    def top_id(self, root_id: str, continued: int) -> str:
        """The id of the span above what the main agent did: the root's, or of how it went on after that had left."""
        return self.span_id(ids.TURN, f"{root_id}+{continued}") if continued else root_id

    def shared(self) -> Attributes:
        """Attributes of every span: children inherit nothing from their root in any backend."""
        common: Attributes = {
            semconv.PROVIDER_NAME: PROVIDERS.get(self.agent, self.agent),
            semconv.CONVERSATION_ID: self.session_id,
            semconv.SESSION_ID: self.session_id,
        }
        if self.prompt_id:
            common[semconv.PROMPT_ID] = self.prompt_id
        return common


def traces_of(held: Mapping[str, int]) -> dict[str, int]:
    """The traces of open turns by `Scope.held_key`, and since when the first of each was open."""
    since: dict[str, int] = {}
    for key, at in held.items():
        trace_id = key.partition(" ")[0]
        since[trace_id] = min(at, since.get(trace_id, at))
    return since


def scope_of(event: HookEvent) -> Scope:
    """The turn of an event: a prompt is one turn; without prompts each main agent has turns of its own."""
    main = event.agent_id if is_guide(event.hook_event_name) and not event.prompt_id else None
    return Scope(event.session_id, event.prompt_id or None, event.agent, main)
