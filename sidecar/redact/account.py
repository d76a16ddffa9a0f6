"""What was taken out of one payload: how often each rule acted, and where secrets of vendors stood."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sidecar.redact.engine import Found
from sidecar.redact.leaves import Place
from sidecar.redact.rules import VENDOR, Rule

MOST_LEAKS = 16
"""Leaks that are told of one payload; its counts tell the rest."""

_LONGEST_PATH = 200


class Leak(NamedTuple):
    """A secret of a vendor went through: the rule that knew it, and the path to it such as `tool_response.stdout`.

    Never the secret; the names in the path are redacted ones.
    """

    rule: str
    path: str


class Account:
    """Filled while a payload is redacted."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._seen: list[tuple[Rule, Any, Any]] = []

    def add(self, rule: Rule, container: Any, key: Any) -> None:
        """The rule took something out of the string at `key` of `container`, or out of the key itself."""
        self.counts[rule.id] = self.counts.get(rule.id, 0) + 1
        if rule.kind == VENDOR and len(self._seen) < MOST_LEAKS:
            self._seen.append((rule, container, key))

    def add_all(self, spans: Iterable[Found], place: Place) -> None:
        """All of them did, in the string at that place."""
        for _, _, rule in spans:
            self.add(rule, place[0], place[1])

    def leaks(self, root: list[Any]) -> tuple[Leak, ...]:
        """Where the secrets of vendors stood below `root`, a list around the payload as it is after redaction."""
        if not self._seen:
            return ()
        paths = _paths(root, {id(container) for _, container, _ in self._seen})
        return tuple(
            Leak(rule.id, _path(paths[id(container)], container, key)) for rule, container, key in self._seen
        )


def _paths(root: list[Any], wanted: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    pending: list[tuple[Any, str]] = [(root, "")]
    while pending and len(found) < len(wanted):
        container, path = pending.pop()
        if id(container) in wanted:
            found[id(container)] = path
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in items:
            if isinstance(value, (dict, list)):
                pending.append((value, "" if container is root else _below(path, container, key)))
    return found


def _path(path: str, container: Any, key: Any) -> str:
    # A name that is no longer there held a secret itself.
    known = isinstance(container, list) or key in container
    return _below(path, container, key if known else "(name)")[:_LONGEST_PATH]


def _below(path: str, container: Any, key: Any) -> str:
    if isinstance(container, list):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)
