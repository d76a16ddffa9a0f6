"""Hooks into a settings text and out of it again, beside those of others. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sidecar.errors import HooksError
from sidecar.hooks import jsontext
from sidecar.hooks.table import LOOPBACK, PATH, VARIABLES, Entry

_OUR_COMMAND = re.compile(r"\bleanvibe(?:\.exe)?['\"]?\s+hook\s|\bclaude_hooks/forward\.sh\b")


class Place(NamedTuple):
    """A handler in the settings: event, positions of its group and of itself, matcher, the handler."""

    event: str
    group: int
    position: int
    matcher: str | None
    handler: dict[str, Any]


def places(settings: Any, origin: str = "the settings") -> list[Place]:
    """Every handler that is registered, by anyone, in the order of the file.

    Raises:
        HooksError: `hooks` does not have the shape that the client reads.
    """
    if not isinstance(settings, dict):
        raise HooksError(f"{origin} holds no JSON object", hint="it must begin with { and end with }")
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict) or not all(isinstance(groups, list) for groups in hooks.values()):
        raise HooksError(f"{origin}: `hooks` is not an object of lists", hint="correct it first; nothing was written")
    return [place for event, groups in hooks.items() for place in _of_event(event, groups)]


def is_ours(handler: Mapping[str, Any]) -> bool:
    """Whether this version or an older one wrote the handler, or a user did by our README."""
    if handler.get("type") == "http":
        parts = urlsplit(str(handler.get("url", "")))
        headers = handler.get("headers")
        named = isinstance(headers, dict) and not VARIABLES.keys().isdisjoint(headers)
        return parts.path == PATH and (named or parts.hostname in LOOPBACK)
    return bool(_OUR_COMMAND.search(str(handler.get("command", ""))))


def ours(settings: Any) -> dict[str, list[Entry]]:
    """Event → our handlers, each as the entry that it would be alone."""
    found: dict[str, list[Entry]] = {}
    for place in places(settings):
        if is_ours(place.handler):
            found.setdefault(place.event, []).append(_entry(place))
    return found


def holds(settings: Any, wanted: Mapping[str, Entry]) -> bool:
    """Whether exactly these hooks of ours are there, each once."""
    return ours(settings) == {event: [entry] for event, entry in wanted.items()}


def without_ours(text: str, origin: str = "the settings") -> str:
    """The settings without our hooks and without what our hooks alone kept from being empty.

    Raises:
        HooksError: the text is not plain JSON, or its hooks have no shape that the client reads.
    """
    found = [place for place in places(jsontext.value_of(text, origin), origin) if is_ours(place.handler)]
    for place in reversed(found):
        text = _without(text, ["hooks", place.event, place.group, "hooks", place.position])
    return text


def with_entries(text: str, wanted: Mapping[str, Entry]) -> str:
    """The settings with these entries, each after what is registered for its event already.

    The text must hold none of ours.
    """
    text = text if text.strip() else "{}\n"
    if wanted and "hooks" not in json.loads(text):
        text = jsontext.insert(text, [], '"hooks": {}')
    for event, entry in wanted.items():
        if event not in json.loads(text)["hooks"]:
            text = jsontext.insert(text, ["hooks"], f"{json.dumps(event)}: []")
        indent = jsontext.indent_of(text)
        text = jsontext.insert(text, ["hooks", event], json.dumps(entry, indent=indent))
    return text


def _of_event(event: str, groups: list[Any]) -> Iterator[Place]:
    for number, group in enumerate(groups):
        handlers = group.get("hooks") if isinstance(group, dict) else None
        for position, handler in enumerate(handlers if isinstance(handlers, list) else []):
            if isinstance(handler, dict):
                yield Place(event, number, position, group.get("matcher"), handler)


def _entry(place: Place) -> Entry:
    own = {"hooks": [place.handler]}
    return {"matcher": place.matcher, **own} if place.matcher else own


def _without(text: str, path: list[str | int]) -> str:
    """Removes the handler at `path`, then every container around it that this left empty."""
    text = jsontext.remove(text, path)
    group = path[:3]
    if not jsontext.parse(text).at(*path[:-1]).children:
        text = jsontext.remove(text, group)
        for container in (path[:2], path[:1]):
            if jsontext.parse(text).at(*container).children:
                break
            text = jsontext.remove(text, container)
    return text
