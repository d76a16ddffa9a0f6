"""Laws of the table of hook events."""

import shlex
from pathlib import Path

import pytest

from sidecar.errors import HooksError
from sidecar.hooks.merge import is_ours
from sidecar.hooks.proxies import trap
from sidecar.hooks.table import DEFAULT_EVENTS, EVENTS, How, base_url, chosen, dir_of, entries

URL = "http://127.0.0.1:8000"
COMMANDS = {"Setup", "SessionStart"}


def test_every_event_of_the_client_is_decided() -> None:
    """All 33 events of the client have a place in the table."""
    assert 33 == len(EVENTS)


def test_what_is_written_by_default() -> None:
    """Http hooks with a timeout of 2 s, commands where the client takes no http, nothing harmful."""
    made = entries(URL, "leanvibe", chosen("default"))

    assert {"WorktreeCreate", "PreModelSwitch", "FileChanged", "MessageDisplay"} == EVENTS.keys() - made.keys()
    handlers = {event: entry["hooks"][0] for event, entry in made.items()}
    assert COMMANDS == {event for event, handler in handlers.items() if handler["type"] == "command"}
    assert {2} == {handler["timeout"] for handler in handlers.values()}
    assert {f"{URL}/api/v1/hooks/claude-code"} == {h["url"] for h in handlers.values() if h["type"] == "http"}


def test_on_request() -> None:
    """Events that flood or need file names come only when they are asked for, beside others or alone."""
    assert {"MessageDisplay": None} == chosen("MessageDisplay")
    assert [*DEFAULT_EVENTS, "FileChanged"] == list(chosen("default, FileChanged:.env|Makefile"))
    made = entries(URL, "leanvibe", chosen("FileChanged:.env|Makefile"))
    assert ".env|Makefile" == made["FileChanged"]["matcher"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("WorktreeCreate", "never"),
        ("PreModelSwitch", "never"),
        ("Nonsense", "no hook event"),
        ("FileChanged", "files"),
    ],
)
def test_what_must_not_be_hooked_is_refused(wanted: str, said: str) -> None:
    """Unknown events, and those where a hook changes what the client does, are refused by name."""
    with pytest.raises(HooksError, match=said):
        chosen(wanted)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://localhost:9/", "http://127.0.0.1:9"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("https://sidecar.example/x", "https://sidecar.example"),
    ],
)
def test_urls_name_the_address(given: str, expected: str) -> None:
    """`localhost` becomes 127.0.0.1, so that neither ::1 nor a proxy comes between."""
    assert expected == base_url(given)


@pytest.mark.parametrize("given", ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:port"])
def test_what_is_no_url_is_refused(given: str) -> None:
    """Anything but an http or https URL with a host is refused."""
    with pytest.raises(HooksError, match="no URL"):
        base_url(given)


def test_a_remote_sidecar_gets_the_token() -> None:
    """Hooks carry the token to another machine, or where it is needed, by a variable and never by its value."""
    remote = entries("https://sidecar.example", "leanvibe", {"Stop": None})["Stop"]["hooks"][0]
    local = entries(URL, "leanvibe", {"Stop": None})["Stop"]["hooks"][0]

    assert "Bearer $LEANVIBE_INGEST_TOKEN" == remote["headers"]["Authorization"]
    assert "LEANVIBE_INGEST_TOKEN" in remote["allowedEnvVars"]
    closed = entries(URL, "leanvibe", {"Stop": None}, with_token=True)["Stop"]["hooks"][0]
    assert "Authorization" not in local["headers"]
    assert remote["headers"] == closed["headers"]
    assert EVENTS["Stop"] is How.HTTP


@pytest.mark.parametrize("path", ["/data", "/my data", "/it's", '/a"b', "/--data-dir", "/ hook Stop", "/ä$HOME;x"])
def test_commands_name_their_sidecar(path: str) -> None:
    """A command hook says where the http hooks beside it go, and the data directory as a shell reads it."""
    made = entries(URL, "leanvibe", {"SessionStart": None}, data_dir=Path(path))
    command = made["SessionStart"]["hooks"][0]["command"]

    words = shlex.split(command.removesuffix(" 2>/dev/null || true"))
    assert ["leanvibe", "hook", "SessionStart", "--url", URL, "--data-dir", path] == words
    assert Path(path) == dir_of(command)
    assert is_ours({"type": "command", "command": command})


@pytest.mark.parametrize("command", ["leanvibe hook Stop 2>/dev/null || true", "echo 'open", "", "x --data-dir"])
def test_a_command_without_a_directory_names_none(command: str) -> None:
    """Commands of older versions, of others and broken ones name no data directory."""
    assert dir_of(command) is None


def test_a_sidecar_of_another_machine_is_not_started_here() -> None:
    """A command hook says no address beyond this machine: it would be started there."""
    made = entries("https://sidecar.example", "leanvibe", {"Setup": None})

    assert "leanvibe hook Setup 2>/dev/null || true" == made["Setup"]["hooks"][0]["command"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"NO_PROXY": ""}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "HTTP_PROXY"),
        ({"https_proxy": "http://proxy:3128", "NO_PROXY": "localhost"}, "https_proxy"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,127.0.0.1"}, None),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "127.0.0.1 example.org"}, None),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, None),
    ],
)
def test_the_proxy_trap(environment: dict[str, str], expected: str | None) -> None:
    """A proxy gets the hooks unless NO_PROXY names the very host of their URL."""
    assert expected == trap(environment, "127.0.0.1")
    assert trap(environment, "sidecar.example") is None
