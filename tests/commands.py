"""The console command `leanvibe` as a user runs it, without anything of the tester's own settings."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

OURS = ("LEANVIBE_", "OTEL_")
"""How the names of environment variables begin that mean something to the sidecar."""

SECONDS = 60
"""Until a command that should end by itself is an error."""

LOOSE_UMASK = 0o022
"""What most users have: it would let everyone read what a command writes."""


LEANVIBE = str(Path(sys.executable).with_name("leanvibe"))
"""The console command."""


def command_line(*words: str) -> list[str]:
    """The command line of `leanvibe` with these words."""
    return [LEANVIBE, *words]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without any variable of the sidecar or of OpenTelemetry, and with these."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(OURS)}, **settings}


def leanvibe(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that ends by itself; what it said and its exit code."""
    return subprocess.run(
        command_line(*words),
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        umask=LOOSE_UMASK,
        check=False,
    )
