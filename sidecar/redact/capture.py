"""Whole kinds of content that a user does not want to keep at all."""

from collections.abc import Set as AbstractSet
from typing import Any

NOT_CAPTURED = "[NOT_CAPTURED]"
"""Stands for content that was left out by choice."""

KINDS: dict[str, frozenset[str]] = {
    "prompts": frozenset({
        "prompt", "user_prompt", "last_assistant_message", "delta", "custom_instructions", "message",
    }),
    "results": frozenset({"tool_response", "tool_result", "result", "stdout", "stderr", "error"}),
    "files": frozenset({
        "content", "file_text", "old_string", "new_string", "oldString", "newString", "originalFile",
        "structuredPatch", "edits", "new_source", "insert_text", "old_str", "new_str",
    }),
    "commands": frozenset({"command", "cmd"}),
}  # fmt: skip
"""Fields of each kind, as the agents name them."""


def leave_out(value: Any, kinds: AbstractSet[str]) -> None:
    """Put `NOT_CAPTURED` in place of every field of those kinds, at any depth; changes the value."""
    names = frozenset().union(*(KINDS[kind] for kind in kinds))
    pending = [value]
    while pending:
        container = pending.pop()
        if isinstance(container, dict):
            for name in names & container.keys():
                container[name] = NOT_CAPTURED
            pending.extend(container.values())
        elif isinstance(container, list):
            pending.extend(container)
