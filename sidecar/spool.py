"""The spool: metadata of events that no sidecar took and that could not be redacted in time, one file each.

What is not redacted may be kept as names and ids in the form of ids, never as content. The running or the next
sidecar takes each file in once. Standard library only: forwarders write this.
"""

import errno
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sidecar import private
from sidecar.event_ids import ID_FORM

FOLDER = "spool"
MAX_FILES = 10_000
"""Files in the spool, of a few hundred bytes each; beyond it an event is lost."""
ABANDONED_SECONDS = 60.0
"""A draft so old is of a forwarder that was ended while it wrote: far longer than one may take."""
MAX_BYTES = 4096
"""Of one file; a larger one is none of ours."""

NAMES = ("hook_event_name", "session_id", "prompt_id", "agent_id", "agent_type", "tool_name", "tool_use_id")
FOR_NOW = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
"""Of a file that cannot be read: it may be later, and what is in it is not lost."""


def metadata(payload: Mapping[str, Any], event_id: str, micros: int) -> dict[str, Any]:
    """What may be kept of an unredacted payload: its names and ids, where they have the form of ids.

    Args:
        payload: the event as the agent sent it.
        event_id: the forwarder's own id of it.
        micros: when the forwarder got it, in microseconds since the epoch.
    """
    kept = {name: payload[name] for name in NAMES if _is_id(payload.get(name))}
    return {"event_id": event_id, "forwarded_at": micros, **kept}


def keep(data_dir: Path, facts: Mapping[str, Any]) -> Path | None:
    """Writes one event's metadata, whole or not at all; its file, or None when the spool is full."""
    folder = data_dir / FOLDER
    private.make_directory(folder)
    if sum(1 for _ in os.scandir(folder)) >= MAX_FILES:
        return None
    draft = folder / f".{facts['event_id']}"
    descriptor = private.opened(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file)
    return draft.replace(folder / f"{facts['event_id']}.json")


def waiting(data_dir: Path, *, before: float = float("inf")) -> Iterator[Path]:
    """The spooled events, oldest first as far as their ids tell; also drafts that their forwarder will not finish.

    Args:
        data_dir: whose spool it is.
        before: seconds since the epoch; files written later are left out.

    Raises:
        OSError: the folder is there and cannot be read.
    """
    try:
        with os.scandir(data_dir / FOLDER) as entries:
            names = sorted(entry.name for entry in entries if _is_due(entry, before))
    except FileNotFoundError:
        return
    yield from (data_dir / FOLDER / name for name in names)


def _is_due(entry: "os.DirEntry[str]", before: float) -> bool:
    if entry.name.startswith("."):
        before = min(before, time.time() - ABANDONED_SECONDS)
    elif not entry.name.endswith(".json"):
        return False
    try:
        return entry.stat(follow_symlinks=False).st_mtime < before
    except FileNotFoundError:  # its forwarder has delivered it meanwhile
        return False


def read(path: Path) -> dict[str, Any] | None:
    """One spooled event, checked as strictly as it was written; None when it is none.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        facts = json.loads(private.read(path, MAX_BYTES))
        if not _is_id(facts["event_id"]) or not isinstance(facts["forwarded_at"], int) or facts["forwarded_at"] < 0:
            return None
    except OSError as error:
        if error.errno in FOR_NOW:
            raise
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return metadata(facts, facts["event_id"], facts["forwarded_at"])


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(ID_FORM.fullmatch(value))
