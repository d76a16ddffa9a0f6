"""Every hook event of Claude Code and how it is watched: the one table behind install, plugin and doctor. Pure.

Source: the client's own schemas, version 2.1.330.
"""

import contextlib
import enum
import itertools
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sidecar.errors import HooksError
from sidecar.paths import CLAUDE_CODE

TIMEOUT_SECONDS = 2
"""Of every hook: without one the client waits up to ten minutes for an answer."""

DEFAULT_URL = "http://127.0.0.1:8000"
"""With the address: `localhost` may mean ::1 first, and NO_PROXY=127.0.0.1 would not match it."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

VARIABLES = {
    "X-LeanVibe-Agent-Id": "LEANVIBE_AGENT_ID",
    "X-LeanVibe-Agent-Name": "LEANVIBE_AGENT_NAME",
    "X-LeanVibe-Session-Id": "LEANVIBE_SESSION_ID",
    "X-LeanVibe-Enable": "LEANVIBE_ENABLE_HOOKS",
}
"""Header → variable of the integration guide that it carries; a variable that is not set arrives empty."""


TOKEN_VARIABLE = "LEANVIBE_INGEST_TOKEN"  # noqa: S105  a variable's name
"""Its own, not `LEANVIBE_TOKEN`: what the agent runs inherits it, and must not read events with it."""


class How(enum.StrEnum):
    """How an event may be watched."""

    HTTP = "http"
    COMMAND = "command"
    """The client skips http hooks here without a word."""
    ON_REQUEST = "on request"
    """Floods (MessageDisplay, on the display's path) or needs the names of files to watch (FileChanged)."""
    NEVER = "never"
    """A hook here changes what the client does: it replaces the making of worktrees, or holds up a model switch."""


_USUAL = (
    "InstructionsLoaded UserPromptSubmit UserPromptExpansion PreToolUse PermissionRequest "
    "PermissionDenied PostToolUse PostToolUseFailure PostToolBatch Notification SubagentStart "
    "SubagentStop Stop StopFailure PreCompact PostCompact PostModelSwitch CwdChanged SessionEnd "
    "TaskCreated TaskCompleted TeammateIdle ConfigChange DirectoryAdded WorktreeRemove Elicitation "
    "ElicitationResult"
)
EVENTS: dict[str, How] = {
    "Setup": How.COMMAND,
    "SessionStart": How.COMMAND,
    **dict.fromkeys(_USUAL.split(), How.HTTP),
    "MessageDisplay": How.ON_REQUEST,
    "FileChanged": How.ON_REQUEST,
    "WorktreeCreate": How.NEVER,
    "PreModelSwitch": How.NEVER,
}
DEFAULT_EVENTS: tuple[str, ...] = tuple(name for name, how in EVENTS.items() if how in {How.HTTP, How.COMMAND})
NEW_EVENTS = frozenset({"PostModelSwitch", "DirectoryAdded"})
"""Events that not every client in use knows (2.1.197 does not). Settings may name them: it ignores what it does not
know. Of a plugin that names one it loads no hook at all."""
NEEDS_MATCHER = "FileChanged"

Entry = dict[str, Any]
"""One matcher group of the settings: `{"matcher"?, "hooks": [handler]}`."""


def chosen(wanted: str) -> dict[str, str | None]:
    """Event → matcher of a list such as `default,MessageDisplay,FileChanged:.env|Makefile`.

    Raises:
        HooksError: an event is unknown, must not be hooked, or lacks the matcher that it needs.
    """
    found: dict[str, str | None] = {}
    for part in filter(None, (part.strip() for part in wanted.split(","))):
        if part == "default":
            found.update(dict.fromkeys(DEFAULT_EVENTS))
            continue
        name, _, matcher = part.partition(":")
        _check(name, matcher)
        found[name] = matcher or None
    return found


def entries(
    url: str,
    program: str,
    events: Mapping[str, str | None],
    *,
    with_token: bool = False,
    data_dir: Path | None = None,
) -> dict[str, Entry]:
    """What the settings must hold for these events.

    Args:
        url: the sidecar's base URL.
        program: how a shell calls `leanvibe`.
        events: event → matcher, from `chosen`.
        with_token: whether the http hooks bring the ingest token, as they always do to another machine.
        data_dir: the sidecar's, for the commands; None when they find it by themselves.
    """
    made: dict[str, Entry] = {}
    options = _url_option(url) + dir_option(data_dir)
    for event, matcher in events.items():
        is_command = EVENTS[event] is How.COMMAND
        handler = _command(f"{program} hook {event}{options}") if is_command else _http(url, with_token=with_token)
        made[event] = {"matcher": matcher, "hooks": [handler]} if matcher else {"hooks": [handler]}
    return made


def base_url(url: str) -> str:
    """A sidecar's base URL as it belongs into settings: without a path, `localhost` as 127.0.0.1.

    Raises:
        HooksError: it is no http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme not in {"http", "https"}:
        raise HooksError(f"{url!r} is no URL of a sidecar", hint="such as http://127.0.0.1:8000")
    host = "127.0.0.1" if host == "localhost" else host
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def is_loopback(url: str) -> bool:
    """Whether the URL names this machine."""
    return urlsplit(url).hostname in LOOPBACK


def quoted(program: str) -> str:
    """A program's path as a shell reads it."""
    return shlex.quote(program)


def dir_option(data_dir: Path | None) -> str:
    """What a command line has at its end for a data directory, as a shell reads it; nothing for None."""
    return f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""


def dir_of(command: str) -> Path | None:
    """The data directory that a command names; None when it names none."""
    with contextlib.suppress(ValueError):  # a quotation mark is missing
        words = shlex.split(command)
        return next((Path(path) for option, path in itertools.pairwise(words) if option == "--data-dir"), None)
    return None


def _check(name: str, matcher: str) -> None:
    how = EVENTS.get(name)
    if how is None:
        raise HooksError(f"{name!r} is no hook event", hint="one of " + ", ".join(sorted(EVENTS)))
    if how is How.NEVER:
        raise HooksError(f"{name} is never hooked: a hook there changes what Claude Code does")
    if name == NEEDS_MATCHER and not matcher:
        raise HooksError(f"{name} needs the names of files", hint=f"{name}:.env|Makefile")


def _http(url: str, *, with_token: bool) -> dict[str, Any]:
    headers = {name: f"${variable}" for name, variable in VARIABLES.items()}
    variables = list(VARIABLES.values())
    if with_token or not is_loopback(url):
        headers["Authorization"] = f"Bearer ${TOKEN_VARIABLE}"
        variables.append(TOKEN_VARIABLE)
    return {
        "type": "http",
        "url": url + CLAUDE_CODE,
        "headers": headers,
        "allowedEnvVars": variables,
        "timeout": TIMEOUT_SECONDS,
    }


def _command(command: str) -> dict[str, Any]:
    # A program that has been removed must not put an error line into the user's transcript.
    return {"type": "command", "command": f"{command} 2>/dev/null || true", "timeout": TIMEOUT_SECONDS}


def _url_option(url: str) -> str:
    """Where, on this machine, the http hooks beside a command go: a sidecar that it starts listens there."""
    return f" --url {shlex.quote(url)}" if is_loopback(url) else ""
