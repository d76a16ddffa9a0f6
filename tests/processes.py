"""The processes of this machine: which run, and who started whom."""

import contextlib
import subprocess
from pathlib import Path


def child_of(pid: int) -> int | None:
    """A child process that runs."""
    return next((child for child, parent in processes().items() if parent == pid), None)


def processes() -> dict[int, int]:
    """Process id → parent of everything that runs, what waits to be reaped left out."""
    if not Path("/proc/self/stat").exists():
        lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = [line.split() for line in lines.stdout.splitlines()]
    else:
        rows = [_stat(file) for file in Path("/proc").glob("[0-9]*/stat")]
    return {int(row[0]): int(row[1]) for row in rows if row and not row[2].startswith("Z")}


def _stat(file: Path) -> list[str]:
    with contextlib.suppress(OSError):  # it has ended since it was listed
        state, parent = file.read_text().rpartition(")")[2].split()[:2]
        return [file.parent.name, parent, state]
    return []
