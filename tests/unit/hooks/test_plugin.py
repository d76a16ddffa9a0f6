"""Laws of the plugin: the same hooks as an installation, described by files that the client reads."""

import json
from typing import Any

from sidecar import __version__, resources
from sidecar.hooks.plugin import PROGRAM, hooks_json
from sidecar.hooks.table import DEFAULT_URL, NEW_EVENTS, chosen, entries


def shipped(*parts: str) -> str:
    return resources.path("claude_hooks", "plugin", *parts).read_text("utf-8")


def test_the_plugin_holds_what_an_installation_writes() -> None:
    """`hooks.json` is what the table says, but for new events; `leanvibe hooks print` makes it."""
    assert hooks_json() == shipped("hooks", "hooks.json")

    hooks = json.loads(shipped("hooks", "hooks.json"))["hooks"]
    expected = entries(DEFAULT_URL, PROGRAM, chosen("default"), with_token=True)
    assert {event: [entry] for event, entry in expected.items() if event not in NEW_EVENTS} == hooks
    assert {"PostModelSwitch", "DirectoryAdded"} == expected.keys() - hooks.keys()


def test_the_plugin_is_described() -> None:
    """The plugin has this version, and the marketplace names the folder that holds it."""
    plugin: dict[str, Any] = json.loads(shipped(".claude-plugin", "plugin.json"))
    market: dict[str, Any] = json.loads(resources.path(".claude-plugin", "marketplace.json").read_text("utf-8"))

    assert __version__ == plugin["version"]
    assert [(plugin["name"], "./claude_hooks/plugin")] == [(one["name"], one["source"]) for one in market["plugins"]]
