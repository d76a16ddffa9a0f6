"""The strings of a JSON value: gathered for one scan, put back when they changed."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sidecar.redact.engine import Found
from sidecar.redact.fields import Field, classify
from sidecar.redact.known import LONGEST_KNOWN, Known

_PLAIN_NAME = 32
_SMALLEST_NUMBER = 1_000_000
_EXACT = 1e19
_MOST_NAMES = 4096
"""Names whose meaning is remembered; clients choose them, so they have an end."""
_LONGEST_NAME = 64
"""Longer ones are looked at each time."""
_NAMED_NUMBERS = (Field.PASSWORD, Field.PHONE, Field.SSN, Field.CARD)

_VALUES = frozenset({"value", "Value", "ParameterValue", "text"})
_NAMES = ("name", "key", "Name", "Key", "ParameterKey", "field", "variable", "id", "label", "element", "selector")
"""Of pairs such as `{"name": "API_KEY", "value": …}`; of forms that an agent fills also the last three."""
_ELEMENT = re.compile(r"(?i)[ _-](?:(?:text[ ]?)?(?:box|field)|input(?:[ ](?:field|box))?|entry)$")
"""What ends the description of a place to type in: `Password textbox`."""
_SESSION = re.compile(r"(?i)(?:sess(?:ion)?(?:[_-]?id)?|[_.-]sid|^sid|li_at|cf_clearance)$")
"""Names of cookies that hold a session; other fields of such a name hold an id."""
_IDS = frozenset({"session_id", "tool_use_id", "prompt_id", "agent_id", "event_id", "parent_tool_use_id", "uuid"})
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""One in the place of an id holds nothing that a rule would find."""

STRING, KEY, NUMBER = range(3)
"""What a text was in the JSON value."""


Place = tuple[Any, Any, Field | None, int]
"""Container, key or index, what the name says, what it was."""


class Leaves:
    """Texts, and for each its place; apart from them those whose redacted form is known.

    Args:
        memory: what is known of texts without a telling name.
    """

    __slots__ = ("known", "memory", "places", "texts")

    def __init__(self, memory: Known) -> None:
        self.memory = memory
        self.texts: list[str] = []
        self.places: list[Place] = []
        self.known: list[tuple[Place, str, Sequence[Found]]] = []
        """Places of known texts that change, what to put there, and what was found in them."""

    def add(self, text: str, place: Place) -> None:
        """One more text."""
        before = self.memory.get(text) if place[2] is None and len(text) <= LONGEST_KNOWN else None
        if before is None:
            self.texts.append(text)
            self.places.append(place)
        elif before[0] is not None:
            self.known.append((place, before[0], before[1]))


def leaves(root: list[Any], memory: Known) -> Leaves:
    """Every string, every telling key and every long number below `root`, a list around the payload."""
    found = Leaves(memory)
    pending: list[tuple[Any, Field | None]] = [(root, None)]
    while pending:
        container, inherited = pending.pop()
        if type(container) is dict:
            _of_dict(container, inherited, found, pending)
        else:
            _of_list(container, inherited, found, pending)
    return found


def _of_list(container: list[Any], inherited: Field | None, found: Leaves, pending: list[Any]) -> None:
    flag = None
    for index, value in enumerate(container):
        _add(container, index, value, flag or inherited, found, pending)
        # ["--password", "…"]: the argument behind a flag is what the flag says.
        flag = _facts[value][0] if type(value) is str and value[:1] == "-" else None


def _of_dict(container: dict[str, Any], inherited: Field | None, found: Leaves, pending: list[Any]) -> None:
    # Asked of every object: a few look-ups are faster than to go over its names.
    valued = "value" in container or "Value" in container or "ParameterValue" in container
    valued = valued or ("text" in container and ("element" in container or "selector" in container))
    pair = _pair(container) if valued else None
    memory = found.memory
    for key, value in container.items():
        field, plain, of_id = _facts[key]
        if not plain:
            found.add(key, (container, key, None, KEY))
        if field is None:
            field = pair if pair and key in _VALUES else inherited
        if field is None and type(value) is str:  # the most frequent case, without a call
            before = memory.get(value) if len(value) <= LONGEST_KNOWN else None
            if before is None:
                if value and not (of_id and _UUID.fullmatch(value)):
                    found.texts.append(value)
                    found.places.append((container, key, None, STRING))
            elif before[0] is not None:
                found.known.append(((container, key, None, STRING), before[0], before[1]))
        else:
            _add(container, key, value, field, found, pending)


def _add(container: Any, key: Any, value: Any, field: Field | None, found: Leaves, pending: list[Any]) -> None:
    kind = type(value)
    if kind is str:
        found.add(value, (container, key, field, STRING))
    elif kind is dict or kind is list:
        pending.append((value, None if field is Field.WEAK else field))
    elif (kind is int or kind is float) and (abs(value) >= _SMALLEST_NUMBER or field in _NAMED_NUMBERS):
        found.add(_written(value), (container, key, field, NUMBER))


class _Facts(dict[str, tuple[Field | None, bool, bool]]):
    """Of a key: what it says about its value, whether it is too plain to hide anything, whether it names an id."""

    def __missing__(self, key: str) -> tuple[Field | None, bool, bool]:
        plain = len(key) <= _PLAIN_NAME and key.replace("_", "a").isalpha() and key.isascii()
        # PWD is where a shell stands: as SECRET, not PASSWORD, a path under that name stays.
        facts = Field.SECRET if key == "PWD" else classify(key), plain, key in _IDS
        if len(key) <= _LONGEST_NAME:
            if len(self) >= _MOST_NAMES:
                self.clear()
            self[key] = facts
        return facts


_facts = _Facts()


def _written(value: float) -> str:
    whole = abs(value) < _EXACT and value == int(value)
    return str(int(value)) if whole else repr(value)


def _pair(container: dict[str, Any]) -> Field | None:
    """What `{"name": "API_KEY", "value": …}` says about its value; so do cookies and fields of forms."""
    for key in _NAMES:
        name = container.get(key)
        if type(name) is str:
            return classify(_ELEMENT.sub("", name)) or (Field.WEAK if _keeps_session(container, name) else None)
    return None


def _keeps_session(container: dict[str, Any], name: str) -> bool:
    return ("domain" in container or "httpOnly" in container) and _SESSION.search(name) is not None


def rename(renamed: Iterable[tuple[dict[str, Any], str, str]]) -> None:
    """Put (container, key, redacted key) in place, order kept; keys that became the same are numbered."""
    by_container: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for container, key, new in renamed:
        by_container.setdefault(id(container), (container, {}))[1][key] = new
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
