"""Runs the two forwarders as an agent does: payload on stdin, everything that they say collected."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import commands
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent
SHELL_TWIN = str(ROOT / "claude_hooks" / "forward.sh")
SILENT = (0, b"", b"")
NOBODY = "http://127.0.0.1:9"
"""Where none serves: the default port may be that of the tester's own sidecar."""


def python_hook(event: str) -> list[str]:
    """The command of the Python forwarder."""
    return commands.command_line("hook", event)


def shell_hook(event: str) -> list[str]:
    """The command of its POSIX shell twin."""
    return ["sh", SHELL_TWIN, event]


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """An environment in which a sidecar of that directory is ours, and none is started by a hook."""
    return commands.environment({"LEANVIBE_DATA_DIR": str(data_dir), "LEANVIBE_AUTOSTART": "false", **variables})


def forward(command: list[str], body: Any, env: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """`(exit code, stdout, stderr)` of a hook that got this payload."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    run = subprocess.run(command, input=content, env=env, capture_output=True, check=False, timeout=PATIENCE)
    return run.returncode, run.stdout, run.stderr
