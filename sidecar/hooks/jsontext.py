"""Changing a JSON text in places, so that every other byte of it stays as its owner wrote it. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.errors import HooksError

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"
DEFAULT_INDENT = "  "
MARK = "\ufeff"
"""What some editors put before a text in UTF-8, and no JSON parser takes."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value in the text: from `start` up to `end`; `children` of an object or array with their own spans.

    A child of an object begins at its key and ends with its value. `names` are the keys of an object, in the order
    of the children.
    """

    start: int
    end: int
    children: list["Node"] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    inner: "Node | None" = None
    """The value of a child of an object."""

    def at(self, *path: str | int) -> "Node":
        """The value below, by keys and positions.

        Raises:
            KeyError: there is none.
        """
        node = self
        for step in path:
            child = node.children[node.last(step) if isinstance(step, str) else step]
            node = child.inner or child
        return node

    def position(self, path: Sequence[str | int]) -> int:
        """The position among the children of the container of the last step of a path."""
        step = path[-1]
        return self.at(*path[:-1]).last(step) if isinstance(step, str) else step

    def last(self, name: str) -> int:
        """The position of a key; of a repeated one the last, which counts for every reader.

        Raises:
            KeyError: there is none.
        """
        found = [index for index, one in enumerate(self.names) if one == name]
        if not found:
            raise KeyError(name)
        return found[-1]


def value_of(text: str, origin: str) -> Any:
    """The decoded value; an empty text is an empty object.

    Raises:
        HooksError: not JSON; says the line.
    """
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith(MARK):
            raise HooksError(
                f"{origin} begins with a byte order mark", hint="save it as UTF-8 without one; nothing was written"
            ) from None
        raise HooksError(
            f"{origin} is not plain JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            hint="correct that line: comments and trailing commas are not JSON; nothing was written",
        ) from None


def parse(text: str) -> Node:
    """The spans of a text that `value_of` could read."""
    return _value(text, _skip(text, 0))


def insert(text: str, path: Sequence[str | int], rendered: str) -> str:
    """The text with one more child at the end of the container at `path`.

    Args:
        text: JSON.
        path: keys and positions of an object or array.
        rendered: the child, `"key": value` or `value`, indented from zero, its lines ended by a bare line feed.
    """
    node = parse(text).at(*path)
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = indent_of(text)
    inside = newline + indent * (len(path) + 1)
    child = rendered.replace("\n", inside)
    if node.children:
        end = node.children[-1].end
        return text[:end] + "," + inside + child + text[end:]
    closing = newline + indent * len(path)
    return text[: node.start + 1] + inside + child + closing + text[node.end - 1 :]


def remove(text: str, path: Sequence[str | int]) -> str:
    """The text without the child at `path`, and without the comma that belonged to it."""
    root = parse(text)
    container = root.at(*path[:-1])
    place = root.position(path)
    child = container.children[place]
    if len(container.children) == 1:
        start, end = container.start + 1, container.end - 1
    elif place == 0:
        start, end = child.start, container.children[1].start
    else:
        start, end = container.children[place - 1].end, child.end
    return text[:start] + text[end:]


def indent_of(text: str) -> str:
    """What one level of the text is indented by; two spaces where it does not tell."""
    node = parse(text)
    if not node.children:
        return DEFAULT_INDENT
    before = text[node.start + 1 : node.children[0].start]
    indent = before.rpartition("\n")[2] if "\n" in before else ""
    return indent or DEFAULT_INDENT


def _value(text: str, at: int) -> Node:
    if text[at] == "{":
        return _container(text, at, "}", keyed=True)
    if text[at] == "[":
        return _container(text, at, "]", keyed=False)
    return Node(at, _DECODER.raw_decode(text, at)[1])


def _container(text: str, start: int, closing: str, *, keyed: bool) -> Node:
    children: list[Node] = []
    names: list[str] = []
    at = _skip(text, start + 1)
    while text[at] != closing:
        child = _member(text, at, names) if keyed else _value(text, at)
        children.append(child)
        at = _skip(text, child.end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return Node(start, at + 1, children, names)


def _member(text: str, at: int, names: list[str]) -> Node:
    name, end = _DECODER.raw_decode(text, at)
    names.append(name)
    value = _value(text, _skip(text, _skip(text, end) + 1))
    return Node(at, value.end, inner=value)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
