"""The strings of a JSON value: gathered for one scan, put back when they changed."""

from collections.abc import Iterator
from typing import Any

from sidecar.redact.fields import Field, classify

_PLAIN_NAME = 32
_SMALLEST_NUMBER = 1_000_000
_PAIR_NAMES = ("name", "key", "Name", "Key")
_PAIR_VALUES = ("value", "Value")
_NAMED_NUMBERS = (Field.PASSWORD, Field.PHONE, Field.SSN, Field.CARD)


class Leaf:
    """One string or number: what it holds, where it stands, what its name says about it."""

    __slots__ = ("container", "field", "is_key", "key", "number", "text")

    def __init__(self, container: Any, key: Any, text: str, field: Field | None, *, is_key: bool = False,
                 number: bool = False) -> None:
        self.container = container
        self.key = key
        self.text = text
        self.field = field
        self.is_key = is_key
        self.number = number


def leaves(root: list[Any]) -> list[Leaf]:
    """Every string, every telling key and every long number below `root`, a list around the payload."""
    found: list[Leaf] = []
    pending: list[tuple[Any, Field | None]] = [(root, None)]
    while pending:
        container, inherited = pending.pop()
        items = container.items() if type(container) is dict else enumerate(container)
        named = type(container) is dict
        pair = _pair(container) if named else None
        for key, value in items:
            field = inherited
            if named:
                field = classify(key) or (pair if key in _PAIR_VALUES else None) or inherited
                if len(key) > _PLAIN_NAME or not key.replace("_", "a").isalpha():
                    found.append(Leaf(container, key, key, None, is_key=True))
            kind = type(value)
            if kind is str:
                if value:
                    found.append(Leaf(container, key, value, field))
            elif kind is dict or kind is list:
                pending.append((value, field if field is not Field.WEAK else None))
            elif (kind is int or kind is float) and (abs(value) >= _SMALLEST_NUMBER or field in _NAMED_NUMBERS):
                found.append(Leaf(container, key, _digits(value), field, number=True))
    return found


def _digits(value: float) -> str:
    return str(int(value)) if value == value and abs(value) < 1e19 and value == int(value) else repr(value)  # noqa: PLR0124, PLR2004


def _pair(container: dict[str, Any]) -> Field | None:
    """What `{"name": "API_KEY", "value": …}` says about its value."""
    for key in _PAIR_NAMES:
        name = container.get(key)
        if type(name) is str and any(value in container for value in _PAIR_VALUES):
            return classify(name)
    return None


def rename(leaf_keys: Iterator[tuple[Leaf, str]]) -> None:
    """Put redacted keys in place, order kept; keys that became the same are numbered."""
    by_container: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for leaf, new in leaf_keys:
        by_container.setdefault(id(leaf.container), (leaf.container, {}))[1][leaf.key] = new
    for container, names in by_container.values():
        items = list(container.items())
        container.clear()
        for key, value in items:
            container[_free(container, names.get(key, key))] = value


def _free(container: dict[str, Any], name: str) -> str:
    free, number = name, 1
    while free in container:
        number += 1
        free = f"{name} ({number})"
    return free
