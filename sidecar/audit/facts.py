"""What the trail says of a start: the settings that differ, without secrets, and which redaction rules act."""

import hashlib
from pathlib import Path
from typing import Any

from sidecar import resources
from sidecar.settings import Settings
from sidecar.settings_file import shown


def differing(settings: Settings) -> dict[str, Any]:
    """The settings that are not at their defaults; passwords are left out."""
    fields = Settings.model_fields.items()
    usual = {name: field.get_default(call_default_factory=True) for name, field in fields}
    values = shown(settings)
    return {name: values[name] for name, default in usual.items() if getattr(settings, name) != default}


def rules_hash(policy: str) -> str:
    """SHA-256 over the rules that came with us and the policy file; changes whenever one of them does.

    Args:
        policy: path of the policy, empty when there is none.
    """
    named = [Path(policy).expanduser()] if policy else []
    found = hashlib.sha256()
    for path in (*sorted(resources.path("config", "redaction").rglob("*.toml")), *named):
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
