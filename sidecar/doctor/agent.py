"""Whether Claude Code's settings let the hooks work. Pure."""

import contextlib
import fnmatch
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sidecar.doctor.finding import Finding, note, ok, wrong
from sidecar.hooks import merge
from sidecar.hooks.proxies import trap
from sidecar.hooks.table import (
    DEFAULT_EVENTS,
    EVENTS,
    NEW_EVENTS,
    TOKEN_VARIABLE,
    Entry,
    How,
    dir_of,
    dir_option,
    entries,
    quoted,
)
from sidecar.paths import CLAUDE_CODE
from sidecar.state_dir import default_data_dir

PLUGIN = "leanvibe-sidecar@"
INSTALL = "leanvibe hooks install"
OLDEST_CLIENT = (2, 1, 196)
"""The first that tells the prompt's id, without which events belong to no turn."""


_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One of the client's settings files: its scope, its path, what it holds."""

    scope: str
    path: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What hooks should be: where the sidecar runs, whether they bring a token, its directory, the agent's own."""

    url: str | None
    with_token: bool
    data_dir: Path | None
    given_dir: str

    def install(self, scope: str = "user") -> str:
        """What to type to have them so."""
        return _install(scope, self.data_dir)


def _install(scope: str, data_dir: Path | None) -> str:
    if scope == "managed":
        return f"have those of `leanvibe hooks print{dir_option(data_dir)}` put there"
    return INSTALL + ("" if scope == "user" else f" --scope {scope}") + dir_option(data_dir)


def agent_findings(
    files: list[SettingsFile],
    environment: Mapping[str, str],
    running_url: str | None,
    token: str = "",
    data_dir: Path | None = None,
) -> list[Finding]:
    """Everything that the settings say about our hooks.

    Args:
        files: the settings that the client would merge.
        environment: of the agent, as far as it is known.
        running_url: where the sidecar listens; None when it does not.
        token: what it takes events with; empty when it needs none.
        data_dir: its directory; None for the one that commands find by themselves.
    """
    wanted = Wanted(running_url, bool(token), data_dir, environment.get("LEANVIBE_DATA_DIR", ""))
    found = [*_registered(files, wanted), *_duplicates(files), *_switched_off(files)]
    found += _token(files, environment, token, data_dir) if token else []
    url = hook_url(files) or (running_url or "") + CLAUDE_CODE
    return [*found, *_url_allowed(files, url), _proxy(files, environment, url)]


def environment_of(files: list[SettingsFile], environment: Mapping[str, str]) -> dict[str, str]:
    """The client's environment, with what `env` of its settings adds."""
    merged = dict(environment)
    for file in files:
        given = file.settings.get("env")
        merged.update({str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {})
    return merged


def hook_url(files: list[SettingsFile]) -> str | None:
    """The URL of our http hooks, where they are registered first."""
    handlers = (place.handler for file in files for place in merge.places(file.settings))
    return next((str(one["url"]) for one in handlers if merge.is_ours(one) and one.get("type") == "http"), None)


def version_finding(said: str | None) -> Finding:
    """Whether the client is new enough, by what `claude --version` says; None when there is none to ask."""
    if said is None:
        return note("client", "claude is not on the PATH: its version is not known")
    numbers = _VERSION.match(said)  # of 2.1.330-beta, too
    if numbers is None:
        return note("client", f"claude --version says {said!r}: its version is not known")
    if tuple(map(int, numbers.groups())) < OLDEST_CLIENT:
        return wrong("client", f"Claude Code {said} is old: its hooks do not tell the prompt", "update Claude Code")
    return ok("client", f"Claude Code {said}")


def hook_token(files: list[SettingsFile], environment: Mapping[str, str]) -> str:
    """What the hooks would bring as their token."""
    given = (merge.token_in(file.settings) for file in files)
    return next(filter(None, given), None) or environment.get(TOKEN_VARIABLE, "")


def _token(
    files: list[SettingsFile], environment: Mapping[str, str], token: str, data_dir: Path | None
) -> Iterator[Finding]:
    merged = {**environment, TOKEN_VARIABLE: hook_token(files, environment)}
    problems = [(file, problem) for file in files if (problem := merge.token_problem(file.settings, token, merged))]
    for file, problem in problems:
        yield wrong("token", f"{file.path}: {problem}", _install(file.scope, data_dir))
    lists = [file for file in files if isinstance(file.settings.get("httpHookAllowedEnvVars"), list)]
    shut = [file for file in lists if TOKEN_VARIABLE not in file.settings["httpHookAllowedEnvVars"]]
    for file in shut:
        message = f"{file.path}: httpHookAllowedEnvVars keeps {TOKEN_VARIABLE} from the hooks"
        yield wrong("token", message, f'add "{TOKEN_VARIABLE}" to httpHookAllowedEnvVars')
    if not problems and not shut:
        yield ok("token", "the hooks bring the ingest token")


def _registered(files: list[SettingsFile], wanted: Wanted) -> Iterator[Finding]:
    plugin = any(_plugin_enabled(file) for file in files)
    holders = [file for file in files if merge.ours(file.settings)]
    if not holders:
        events = len(DEFAULT_EVENTS) - len(NEW_EVENTS)
        said = "Claude Code does not report to the sidecar: no hooks are registered"
        missing = wrong("hooks", said, wanted.install())
        yield ok("hooks", f"the plugin reports {events} events") if plugin else missing
    for file in holders:
        yield _equal(file, wanted)


def _equal(file: SettingsFile, wanted: Wanted) -> Finding:
    """Whether a file's hooks go to the running sidecar, and are what this version writes for the same events."""
    again = wanted.install(file.scope)
    registered = merge.ours(file.settings)
    urls = {entry["hooks"][0].get("url") for held in registered.values() for entry in held} - {None}
    stale = sorted(url for url in urls if wanted.url and url != wanted.url + CLAUDE_CODE)
    if stale:
        return wrong("hooks", f"hooks in {file.path} go to {stale[0]}, the sidecar is at {wanted.url}", again)
    if astray := _astray(file, registered, wanted):
        return astray
    expected = _expected(file, next(iter(urls), CLAUDE_CODE).removesuffix(CLAUDE_CODE), registered, wanted)
    missing = [event for event in DEFAULT_EVENTS if event not in registered]
    differing = [event for event, held in registered.items() if not _as_written(expected.get(event), held)]
    if missing or differing:
        names = ", ".join([*missing, *differing][:5])
        return wrong("hooks", f"hooks in {file.path} are not those of this version: {names}", again)
    return ok("hooks", f"{len(registered)} events are registered in {file.path}")


def _astray(file: SettingsFile, registered: Mapping[str, list[Entry]], wanted: Wanted) -> Finding | None:
    """That commands keep events, and start a sidecar, elsewhere than in the directory that is looked at."""
    handlers = [entry["hooks"][0] for held in registered.values() for entry in held]
    commands = [str(one["command"]) for one in handlers if one.get("type") == "command" and "command" in one]
    given = Path(wanted.given_dir).expanduser() if wanted.given_dir else None
    told = {dir_of(command) or given or default_data_dir() for command in commands}
    other = sorted(told - {wanted.data_dir or default_data_dir()})
    if not other:
        return None
    said = f"commands in {file.path} keep events in {other[0]}, not in {wanted.data_dir or default_data_dir()}"
    if file.scope != "project":
        return wrong("hooks", said, wanted.install(file.scope))
    # Shared settings name no path of this machine, so that installing them again would not help.
    todo = f"set LEANVIBE_DATA_DIR={quoted(str(wanted.data_dir or default_data_dir()))} for the agent"
    return wrong("hooks", said, todo)


def _expected(file: SettingsFile, base: str, events: Iterable[str], wanted: Wanted) -> dict[str, Entry]:
    """What this version writes for these events, into such a file."""
    known = {event: None for event in events if EVENTS.get(event, How.NEVER) is not How.NEVER}
    data_dir = None if file.scope == "project" else wanted.data_dir
    return entries(base, "leanvibe", known, with_token=wanted.with_token, data_dir=data_dir)


def _as_written(expected: Entry | None, held: list[Entry]) -> bool:
    """Whether an event's only hook is the expected one, whatever its matcher and the path of its program are."""
    if len(held) != 1 or expected is None:
        return False
    handler, wanted = held[0]["hooks"][0], expected["hooks"][0]
    if handler.get("type") != "command":
        return bool(handler == wanted)
    program, _, rest = str(handler.get("command")).partition(" hook ")
    same = handler == {**wanted, "command": handler.get("command")} and wanted["command"] == f"leanvibe hook {rest}"
    return same and _is_there(program)


def _is_there(program: str) -> bool:
    """Whether a shell finds the program that a command begins with."""
    with contextlib.suppress(ValueError, IndexError):  # a quotation mark is missing, or all of it
        return shutil.which(shlex.split(program)[0]) is not None
    return False


def _duplicates(files: list[SettingsFile]) -> Iterator[Finding]:
    """Events that are reported twice; the client itself runs identical handlers of several files once."""
    kinds: dict[str, list[Any]] = {}
    for file in files:
        for event, held in merge.ours(file.settings).items():
            kinds.setdefault(event, []).extend(entry for entry in held if entry not in kinds.get(event, []))
        if _plugin_enabled(file):
            for event in set(DEFAULT_EVENTS) - NEW_EVENTS:
                kinds.setdefault(event, []).append("plugin")
    twice = sorted(event for event, held in kinds.items() if len(held) > 1)
    if twice:
        shown = ", ".join(twice[:3]) + (", …" if len(twice) > 3 else "")  # noqa: PLR2004  enough to recognise
        yield wrong(
            "duplicates", f"reported more than once: {shown}", "leanvibe hooks status; uninstall all but one scope"
        )
    else:
        yield ok("duplicates", "no event is reported twice")


def _switched_off(files: list[SettingsFile]) -> Iterator[Finding]:
    off = [file for file in files if file.settings.get("disableAllHooks") is True]
    yield from (
        wrong("hooks off", f"{file.path} sets disableAllHooks: no hook runs", "remove it, or set it to false")
        for file in off
    )
    only = [file for file in files if file.settings.get("allowManagedHooksOnly") is True and file.scope == "managed"]
    for file in only:
        todo = "ask for the hooks of `leanvibe hooks print` in the managed settings"
        yield wrong("hooks off", f"{file.path} sets allowManagedHooksOnly: yours do not run", todo)
    if not off and not only:
        yield ok("hooks off", "hooks are not switched off")


def _url_allowed(files: list[SettingsFile], url: str) -> Iterator[Finding]:
    lists = [file.settings["allowedHttpHookUrls"] for file in files if "allowedHttpHookUrls" in file.settings]
    patterns = [str(pattern) for one in lists if isinstance(one, list) for pattern in one]
    if not lists or any(_admits(pattern, url) for pattern in patterns):
        yield ok("allowed URLs", "http hooks may go to the sidecar")
        return
    parts = urlsplit(url)
    todo = f'add "{parts.scheme}://{parts.netloc}/*" to allowedHttpHookUrls'
    yield wrong("allowed URLs", f"allowedHttpHookUrls does not admit {url}: http hooks are skipped silently", todo)


def _admits(pattern: str, url: str) -> bool:
    """As the client matches: the whole URL, or, for a pattern without a path, the part before the path."""
    parts = urlsplit(url)
    return any(fnmatch.fnmatchcase(text, pattern) for text in (url, f"{parts.scheme}://{parts.netloc}"))


def _proxy(files: list[SettingsFile], environment: Mapping[str, str], url: str) -> Finding:
    variable = trap(environment_of(files, environment), urlsplit(url).hostname or "127.0.0.1")
    if variable is None:
        return ok("proxy", "no proxy comes between")
    return wrong(
        "proxy",
        f"{variable} is set and NO_PROXY does not name 127.0.0.1: Claude Code sends the hooks to the proxy",
        "add 127.0.0.1 to NO_PROXY",
    )


def _plugin_enabled(file: SettingsFile) -> bool:
    enabled = file.settings.get("enabledPlugins")
    return isinstance(enabled, dict) and any(name.startswith(PLUGIN) and on is True for name, on in enabled.items())
