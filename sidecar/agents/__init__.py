"""Normalisers: one pure file per agent, redacted native payload → `HookEvent`."""

from collections.abc import Callable
from typing import Any

from sidecar.agents import claude_code, guide
from sidecar.agents.receipt import Receipt
from sidecar.errors import UnknownAgentError
from sidecar.events import HookEvent

Normalise = Callable[[dict[str, Any], Receipt], HookEvent]

NORMALISERS: dict[str, Normalise] = {"claude-code": claude_code.normalise}
"""Agents whose native payloads are understood, by the name in the URL."""

__all__ = ["NORMALISERS", "Normalise", "Receipt", "guide", "normaliser_of"]


def normaliser_of(agent: str) -> Normalise:
    """The normaliser for an agent's native payloads.

    Raises:
        UnknownAgentError: there is none; the hint names those that there are.
    """
    try:
        return NORMALISERS[agent]
    except KeyError:
        known = ", ".join(sorted(NORMALISERS))
        raise UnknownAgentError("no normaliser for that agent", hint=f"known agents: {known}") from None
