"""Hooks into a settings text and out of it again, beside those of others. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sidecar.errors import HooksError
from sidecar.hooks import jsontext
from sidecar.hooks.table import LOOPBACK, TOKEN_VARIABLE, VARIABLES, Entry
from sidecar.paths import CLAUDE_CODE

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
        try:
            parts = urlsplit(str(handler.get("url", "")))
        except ValueError:  # no URL, so nothing that we wrote
            return False
        headers = handler.get("headers")
        named = isinstance(headers, dict) and not VARIABLES.keys().isdisjoint(headers)
        return parts.path == CLAUDE_CODE and (named or parts.hostname in LOOPBACK)
    return bool(_OUR_COMMAND.search(str(handler.get("command", ""))))


def ours(settings: Any) -> dict[str, list[Entry]]:
    """Event → our handlers, each as the entry that it would be alone."""
    found: dict[str, list[Entry]] = {}
    for place in places(settings):
        if is_ours(place.handler):
            found.setdefault(place.event, []).append(_entry(place))
    return found


def token_in(settings: Any) -> str | None:
    """The ingest token that the settings' `env` gives to the hooks."""
    given = settings.get("env")
    token = given.get(TOKEN_VARIABLE) if isinstance(given, dict) else None
    return token if isinstance(token, str) else None


def sends_token(settings: Any) -> bool:
    """Whether every http hook of ours brings the ingest token."""
    handlers = [place.handler for place in places(settings) if is_ours(place.handler)]
    return all(TOKEN_VARIABLE in one.get("allowedEnvVars", ()) for one in handlers if one.get("type") == "http")


def token_problem(settings: Any, token: str, environment: Mapping[str, str]) -> str | None:
    """Why hooks of ours would be refused by a sidecar that takes events with this token only; None when they are not.

    Args:
        settings: decoded settings.
        token: what the sidecar wants.
        environment: of the agent, as far as it is known.
    """
    if not any(place.handler.get("type") == "http" for place in places(settings) if is_ours(place.handler)):
        return None
    if not sends_token(settings):
        return "its hooks bring no token, and the sidecar needs one"
    given = token_in(settings) or environment.get(TOKEN_VARIABLE, "")
    if not given:
        return f"{TOKEN_VARIABLE} is not set, and the sidecar needs it"
    return None if given == token else "its token is not the sidecar's: it is stale"


def holds(settings: Any, wanted: Mapping[str, Entry], token: str = "") -> bool:
    """Whether exactly these hooks of ours are there, each once, and this token, if one is wanted."""
    if token and token_in(settings) != token:
        return False
    return ours(settings) == {event: [entry] for event, entry in wanted.items()}


def without_ours(text: str, origin: str = "the settings", *, token: bool = False) -> str:
    """The settings without our hooks and without what our hooks alone kept from being empty.

    Args:
        text: the settings.
        origin: what they are called in errors.
        token: we wrote the token, too: it goes as well.

    Raises:
        HooksError: the text is not plain JSON, or its hooks have no shape that the client reads.
    """
    found = [place for place in places(jsontext.value_of(text, origin), origin) if is_ours(place.handler)]
    for place in reversed(found):
        text = _without(text, ["hooks", place.event, place.group, "hooks", place.position])
    return _without_token(text) if token else text


def with_token(text: str, token: str) -> str:
    """The settings with this token in their `env`, in place of another one."""
    settings = json.loads(text)
    if not isinstance(settings.get("env", {}), dict):
        raise HooksError("`env` of the settings is no object", hint="correct it first; nothing was written")
    if token_in(settings) is not None:
        value = jsontext.parse(text).at("env", TOKEN_VARIABLE)
        return text[: value.start] + json.dumps(token) + text[value.end :]
    if "env" not in settings:
        text = jsontext.insert(text, [], '"env": {}')
    return jsontext.insert(text, ["env"], f"{json.dumps(TOKEN_VARIABLE)}: {json.dumps(token)}")


def _without_token(text: str) -> str:
    if token_in(json.loads(text)) is None:
        return text
    text = jsontext.remove(text, ["env", TOKEN_VARIABLE])
    return text if json.loads(text)["env"] else jsontext.remove(text, ["env"])


def with_entries(text: str, wanted: Mapping[str, Entry], token: str = "") -> str:
    """The settings with these entries, each after what is registered for its event already, and the token.

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
    return with_token(text, token) if token else text


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
