"""What is to be redacted, and how: the user's choice."""

import hashlib
import hmac
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from sidecar.errors import SettingsError
from sidecar.redact.capture import KINDS
from sidecar.redact.linear import why_not_linear
from sidecar.redact.named import RULES
from sidecar.redact.rules import Rule, parse, shipped

Action = Literal["redact", "hash", "off"]

_ACTIONS = ("redact", "hash", "off")
_KEYS = {"actions", "hash_key", "rule", "allow", "leave_out"}
_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """Which rules act, and how.

    Args:
        actions: what a rule does when it finds something, "redact" when none is given; "all" is every rule.
        hash_key: the key of "hash"; the same secret then always gives the same token.
        rules: rules of the user's own, beside those that come with the sidecar.
        allow: exact strings that stay although a rule finds them.
        leave_out: kinds of content to leave out whole: "prompts", "results", "files", "commands".
    """

    actions: Mapping[str, Action] = field(default_factory=dict)
    hash_key: bytes = b""
    rules: tuple[Rule, ...] = ()
    allow: frozenset[str] = frozenset()
    leave_out: frozenset[str] = frozenset()

    def action(self, rule: Rule) -> Action:
        """What is done with what that rule finds."""
        return self.actions.get(rule.id) or self.actions.get("all", "redact")

    def replacement(self, rule: Rule, secret: bytes) -> bytes:
        """What is put where the secret was: the rule's placeholder, with a keyed hash where one is wanted."""
        if not self.actions or self.action(rule) != "hash":
            return rule.placeholder.encode()
        token = hmac.new(self.hash_key, secret, hashlib.sha256).hexdigest()[:12]
        return f"{rule.placeholder.removesuffix(']')}:{token}]".encode()


def load(file: Path, make_key: Callable[[], bytes] | None = None) -> Policy:
    """The policy of a TOML file; `make_key` gives the key of "hash" when the file has none.

    Raises:
        SettingsError: the file cannot be read, or something in it is unknown, incomplete or cannot be matched
            in linear time; says which and what would be right.
    """
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: cannot be read as TOML: {error}") from None
    return from_table(table, str(file), make_key)


def from_table(table: Mapping[str, Any], origin: str, make_key: Callable[[], bytes] | None = None) -> Policy:
    """The policy of a decoded table; `origin` is named in errors. Raises as `load` does."""
    _known(table, _KEYS, f"{origin}: no setting is called")
    own = _own_rules(table.get("rule", []), origin)
    policy = Policy(
        actions=_actions(table.get("actions", {}), own, origin),
        hash_key=str(table.get("hash_key", "")).encode(),
        rules=own,
        allow=frozenset(table.get("allow", ())),
        leave_out=frozenset(table.get("leave_out", ())),
    )
    _known(policy.leave_out, set(KINDS), f"{origin}: no kind of content is called")
    if "hash" not in policy.actions.values():
        return policy
    if make_key and not policy.hash_key:
        policy = replace(policy, hash_key=make_key())  # of a file, which a power cut may have left empty
    if len(policy.hash_key) < _SHORTEST_KEY:
        raise SettingsError(
            f"{origin}: `hash` needs a hash_key of at least {_SHORTEST_KEY} characters",
            hint="openssl rand -hex 32 makes one",
        )
    return policy


def _actions(table: Mapping[str, str], own: tuple[Rule, ...], origin: str) -> dict[str, Action]:
    known = {rule.id for rule in (*shipped(), *RULES.values(), *own)} | {"all"}
    for rule in table:
        if rule not in known:
            raise SettingsError(
                f"{origin}: actions.{rule}: no rule is called that", hint="leanvibe redact --rules lists them"
            )
    for rule, action in table.items():
        if action not in _ACTIONS:
            raise SettingsError(f"{origin}: actions.{rule} is {action!r}", hint="one of " + ", ".join(_ACTIONS))
    return cast("dict[str, Action]", dict(table))


def _own_rules(tables: list[dict[str, Any]], origin: str) -> tuple[Rule, ...]:
    defaults = {
        "finds": "a rule of the user's own",
        "source": origin,
        "kind": "secret",
        "validator": "anything",
    }
    rules = parse([{**defaults, **table} for table in tables], origin)
    for rule in rules:
        if not rule.gate or not all(rule.gate):
            raise SettingsError(
                f"{origin}: rule {rule.id!r} has no gate",
                hint='gate = ["…"] is a literal that every occurrence begins with',
            )
        reason = why_not_linear(rule.pattern)
        if reason:
            raise SettingsError(
                f"{origin}: the pattern of rule {rule.id!r} cannot be matched in linear time: {reason}",
                hint="use bounded repeats such as {1,64} of single classes",
            )
    return tuple(rules)


def _known(names: Any, allowed: set[str], message: str) -> None:
    unknown = sorted(set(names) - allowed)
    if unknown:
        raise SettingsError(f"{message} {unknown[0]!r}", hint="known are " + ", ".join(sorted(allowed)))
