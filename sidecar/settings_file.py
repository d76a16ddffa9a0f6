"""Settings as people read them: `config/defaults.toml`, made from the declaration, and values without passwords."""

import json
from typing import Any
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo

from sidecar.settings import PREFIX, SECRET_SETTINGS, Settings

HEADER = """# Every setting of leanvibe-sidecar with its default. Made from sidecar/settings.py by
# `leanvibe config show --toml`; copy what you change into a file of your own and give it with --config.
# Environment variables LEANVIBE_<NAME> win over the file, command-line flags over both.
"""
OF_THE_HOST = frozenset({"data_dir", "host_name"})
"""Defaults that differ from host to host."""


def defaults_toml() -> str:
    """The file's text: each setting commented out under its help."""
    return HEADER + "".join(_entry(name, field) for name, field in Settings.model_fields.items())


def _entry(name: str, field: FieldInfo) -> str:
    default = "# depends on the host" if name in OF_THE_HOST else _toml(field.get_default(call_default_factory=True))
    return f"\n# {field.description} [{PREFIX}{name.upper()}]\n# {name} = {default}\n"


def _toml(value: Any) -> str:
    """TOML writes numbers, strings and lists of them as JSON does."""
    return json.dumps(value)


def shown(settings: Settings) -> dict[str, object]:
    """Every value, as JSON types, without passwords."""
    values: dict[str, object] = settings.model_dump(mode="json")
    return {name: _masked(str(value)) if name in SECRET_SETTINGS else value for name, value in values.items()}


def _masked(value: str) -> str:
    """A URL without user and password; anything else that may hold one only says that it is set."""
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(set)"
    if not parts.scheme or not parts.hostname:
        return "(set)"
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
