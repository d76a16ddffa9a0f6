"""Where a sidecar listens that a hook starts: as is configured, else where its http hooks go, or the last one did."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sidecar.errors import HooksError, StartError
from sidecar.hooks.table import base_url, is_loopback
from sidecar.settings import Settings
from sidecar.state_dir import noted_address

PLACES = frozenset({"host", "port", "tcp", "uds", "tls_cert", "tls_key"})
"""The settings that say where, and how, a sidecar listens."""
PORTS = {"http": 80, "https": 443}


def placed(settings: Settings, hooks_url: str, load: Callable[[Mapping[str, Any]], Settings]) -> Settings:
    """The settings of an autostarted sidecar, with the address that they do not say themselves.

    Args:
        settings: what environment and configuration file say.
        hooks_url: where the http hooks beside the command hook go; empty when it was not told.
        load: the same settings, with more.

    Raises:
        SettingsError: the note is damaged.
    """
    found = address(noted_address(settings.data_dir), hooks_url)
    more = {name: value for name, value in found.items() if name not in settings.model_fields_set}
    return _guarded(load(more), load, more)


def address(note: Mapping[str, Any], hooks_url: str) -> dict[str, Any]:
    """The settings by which a sidecar listens where the http hooks go, or without such where the last one did. Pure.

    Args:
        note: `noted_address` of the data directory.
        hooks_url: as in `placed`; one beyond this machine, or that is none, says nothing.
    """
    url = _local(hooks_url)
    if not url or url == _local(str(note.get("url", ""))):
        return {name: note[name] for name in PLACES if name in note}
    parts = urlsplit(url)
    return {"host": parts.hostname, "port": parts.port or PORTS[parts.scheme]}


def _local(url: str) -> str:
    try:
        base = base_url(url)
    except HooksError:
        return ""
    return base if is_loopback(base) else ""


def _guarded(settings: Settings, load: Callable[[Mapping[str, Any]], Settings], more: Mapping[str, Any]) -> Settings:
    """Without the noted host, where `serve` would refuse it: that others may send was said to the last one alone."""
    from sidecar.front import listen

    try:
        listen.check(settings, anyone=False)
    except StartError:
        return load({name: value for name, value in more.items() if name != "host"})
    return settings
