"""Whether a settings file is one that others get to read: a token must not be in it."""

import os
import subprocess
from pathlib import Path

from sidecar.errors import HooksError

SECONDS = 10.0


def refuse_shared(scope: str, path: Path) -> None:
    """Says no to a file that belongs to a project and not to a person.

    Raises:
        HooksError: it is the project's own, or git has it.
    """
    if scope == "project":
        raise HooksError(
            "the project's settings are shared, and the hooks need the ingest token",
            hint="--scope local or --scope user",
        )
    if _in_git(Path(os.path.realpath(path))):
        raise HooksError(
            f"{path} is under version control, and the hooks need the ingest token",
            hint="git rm --cached it and ignore it, or choose another --scope; nothing was written",
        )


def may_be_shared(path: Path) -> bool:
    """Whether the next `git add` would take the file: it lies in a working tree and is not ignored."""
    real = Path(os.path.realpath(path))
    return not _git(real, "rev-parse", "--is-inside-work-tree") and bool(_git(real, "check-ignore", "-q", str(real)))


def _in_git(path: Path) -> bool:
    return not _git(path, "ls-files", "--error-unmatch", "--", str(path))


def _git(path: Path, *words: str) -> int:
    folder = next(parent for parent in path.parents if parent.is_dir())
    try:
        run = subprocess.run(["git", *words], cwd=folder, capture_output=True, timeout=SECONDS, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return 1
    return run.returncode
