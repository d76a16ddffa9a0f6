"""`config/defaults.toml`: every setting with its help and default, made from the declaration."""

import json
from typing import Any

from pydantic.fields import FieldInfo

from sidecar.settings import PREFIX, Settings

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
