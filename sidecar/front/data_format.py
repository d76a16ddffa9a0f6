"""The format of what lies in a data directory: a sidecar leaves alone what a newer one wrote."""

import json
from pathlib import Path

from sidecar import private
from sidecar.errors import StartError

FORMAT = 1
"""Raised by a change of the files that a version before it would misread or break; by no other."""
FORMAT_FILE = "format"


def claim(path: Path, version: str) -> None:
    """Notes the format in which this version keeps the files of a directory, unless it is noted already.

    A version that does not know a format would take its files for damaged: move them aside, and begin anew.

    Raises:
        StartError: they are kept in a newer one, which only a newer version knows; or the note cannot be written.
    """
    noted, by = _noted(path / FORMAT_FILE)
    if noted > FORMAT:
        raise StartError(
            f"the data directory {path} was written by a newer leanvibe-sidecar, {by} (format {noted}); "
            f"this is {version}, which knows format {FORMAT}",
            hint="nothing was changed: install that version again, or choose another directory with --data-dir",
        )
    if noted < FORMAT:
        _note(path / FORMAT_FILE, version)


def _noted(file: Path) -> tuple[int, str]:
    """The format and the version that noted it; 0 when none did, as those before the first note."""
    try:
        facts = json.loads(private.read(file))
        return int(facts["format"]), str(facts["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _note(file: Path, version: str) -> None:
    try:
        private.replace(file, json.dumps({"format": FORMAT, "version": version}).encode(), sync=True)
    except OSError as error:
        raise StartError(
            f"cannot write {file}: {error.strerror}", hint="choose another directory with --data-dir"
        ) from error
