"""What is to be redacted, and how: the user's choice."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

from sidecar.redact.rules import Rule

Action = Literal["redact", "hash", "off"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Which rules act, and how.

    Args:
        actions: what a rule does when it finds something; "redact" where none is given.
        hash_key: the key of "hash"; the same secret then always gives the same token.
        rules: rules of the user's own, beside those that come with the sidecar.
        allow: exact strings that stay although a rule finds them.
        leave_out: kinds of content to leave out whole: "prompts", "results", "files", "commands".
    """

    actions: dict[str, Action] = field(default_factory=dict)
    hash_key: bytes = b""
    rules: tuple[Rule, ...] = ()
    allow: frozenset[str] = frozenset()
    leave_out: frozenset[str] = frozenset()

    def action(self, rule: Rule) -> Action:
        """What is done with what that rule finds."""
        return self.actions.get(rule.id, self.actions.get("all", "redact"))

    def replacement(self, rule: Rule, secret: bytes) -> bytes:
        """What is put where the secret was: the rule's placeholder, with a keyed hash where one is wanted."""
        if self.action(rule) != "hash":
            return rule.placeholder.encode()
        token = hmac.new(self.hash_key, secret, hashlib.sha256).hexdigest()[:12]
        return f"{rule.placeholder.removesuffix(']')}:{token}]".encode()
