"""Where a user's sidecar keeps its files, and who serves them now. Standard library only: forwarders read this."""

import json
import os
from pathlib import Path
from typing import Any

from sidecar import private

SERVER_FILE = "server.json"
POLICY_FILE = "redaction-policy"
"""Path of the policy that the last sidecar redacted by; empty when it had none."""
ADDRESS_FILE = "address"
"""Where the last sidecar listened: a hook starts the next one there."""
HASH_KEY_FILE = "redaction-key"
INGEST_TOKEN_FILE = "ingest-token"  # noqa: S105  a file name
"""What sending events needs, where it needs a token: whoever has it may send and nothing else."""


def default_data_dir() -> Path:
    """`$XDG_STATE_HOME/leanvibe`, else `~/.local/state/leanvibe`.

    A relative path is passed over, as the XDG Base Directory Specification has it: hooks run in other folders.
    """
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "leanvibe"


def unless_default(path: Path) -> Path | None:
    """The path of a data directory that commands and hooks must be told; None for that which they find themselves."""
    try:
        return None if path == default_data_dir().absolute() else path
    except RuntimeError:  # without a home none is found
        return path


def announced(path: Path) -> dict[str, Any] | None:
    """What the sidecar that serves a data directory, or did so until it was killed, wrote of itself."""
    return _facts(path / SERVER_FILE)


def noted_address(path: Path) -> dict[str, Any]:
    """The URL of the last sidecar of a data directory, and the settings by which it listened; empty without one."""
    return _facts(path / ADDRESS_FILE) or {}


def _facts(file: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(private.read(file))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def ingest_token(path: Path) -> str:
    """The token for sending to the sidecar of a data directory; empty when it has none that we may read."""
    try:
        return private.read(path / INGEST_TOKEN_FILE).decode("ascii").strip()
    except (OSError, ValueError):
        return ""


def noted_policy(path: Path) -> str:
    """Path of the policy by which the last sidecar of a data directory redacted; empty when it had none.

    Raises:
        OSError: it cannot be read although it is there.
    """
    try:
        return private.read(path / POLICY_FILE).decode().strip()
    except FileNotFoundError:
        return ""
