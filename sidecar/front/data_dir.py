"""The data directory: private, held by one sidecar at a time, with its token and the address of who serves it."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sidecar import __version__, private
from sidecar.errors import StartError
from sidecar.front import data_format
from sidecar.state_dir import ADDRESS_FILE, HASH_KEY_FILE, INGEST_TOKEN_FILE, POLICY_FILE, SERVER_FILE, announced

TOKEN_FILE = "token"  # noqa: S105  a file name
LOCK_FILE = "lock"


def prepare(path: Path) -> None:
    """Makes the directory with mode 0700, and takes group and others' rights away from one that is there.

    Raises:
        StartError: it cannot be made, is no directory, belongs to someone else, or holds what another may have put
            there: a link, a FIFO, a file that is not ours.
    """
    try:
        private.make_directory(path)
        private.check_entries(path)
    except private.UnsafeError as error:
        raise StartError(
            f"the data directory {path} is not safe: {error}",
            hint="look at it and remove it, or choose another with --data-dir",
        ) from None
    except OSError as error:
        raise StartError(
            f"cannot use the data directory {path}: {error.strerror}", hint="choose another with --data-dir"
        ) from error


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds the directory for this process.

    Raises:
        StartError: another sidecar holds it, or a newer version wrote it; says which.
    """
    descriptor = _lock_file(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        holder = running(path) or {}
        who = f"pid {holder['pid']} at {holder['url']}" if holder else "another sidecar"
        raise StartError(
            f"the data directory {path} is in use by {who}", hint="stop it, or choose another with --data-dir"
        ) from None
    try:
        data_format.claim(path, __version__)
        yield
    finally:
        os.close(descriptor)


def _lock_file(path: Path) -> int:
    try:
        return private.opened(path / LOCK_FILE, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise StartError(
            f"cannot use {path / LOCK_FILE}: {error.strerror}", hint="choose another directory with --data-dir"
        ) from error


def token(path: Path) -> str:
    """The token that reading needs; made at first start, 256 bits, file mode 0600.

    Raises:
        StartError: the file cannot be read or written.
    """
    return kept(path / TOKEN_FILE)


def ingest_token(path: Path) -> str:
    """The token that sending needs with `ingest = "token"`; made when first needed. Raises as `token` does."""
    return kept(path / INGEST_TOKEN_FILE)


def renew(path: Path, file: str) -> str:
    """Puts a new token in place of that of `TOKEN_FILE` or `INGEST_TOKEN_FILE`, on disk when this returns.

    Raises:
        StartError: it cannot be written; the old one counts.
    """
    new = secrets.token_urlsafe(32)
    _put(path / file, f"{new}\n", sync=True, hint="an old token still counts")
    return new


def hash_key(path: Path) -> bytes:
    """The key of hashed redactions; made when first needed, 256 bits, file mode 0600. Raises as `token` does."""
    return kept(path / HASH_KEY_FILE).encode()


def kept(file: Path) -> str:
    """The token in a file; made when it is not there, or empty, as a full disk or a power cut leaves one.

    Raises:
        StartError: it cannot be read or written.
    """
    try:
        with contextlib.suppress(FileExistsError):
            descriptor = private.opened(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            with os.fdopen(descriptor, "w") as new:
                new.write(secrets.token_urlsafe(32) + "\n")
                new.flush()
                os.fsync(descriptor)  # whoever is given it keeps it for long
        found = private.read(file).decode("ascii", "replace").strip()
    except OSError as error:
        raise StartError(f"cannot read or write {file}: {error.strerror}") from error
    return found or renew(file.parent, file.name)


def announce(path: Path, **facts: Any) -> None:
    """Writes `server.json`: pid, URL and version of the sidecar that serves this directory. Raises `StartError`."""
    _put(path / SERVER_FILE, json.dumps({"pid": os.getpid(), **facts}))


def note_policy(path: Path, policy: str) -> None:
    """Keeps the path of the redaction policy for forwarders, which must redact alike while no sidecar runs.

    Raises:
        StartError: it cannot be written, so that they would go by another.
    """
    named = str(Path(policy).expanduser().absolute()) if policy else ""
    _put(path / POLICY_FILE, named, sync=True)  # an empty one says that there is none


def note_address(path: Path, url: str, **settings: Any) -> None:
    """Keeps where this sidecar listens, beyond its end, for one that a hook starts: its URL and its own settings.

    Raises:
        StartError: it cannot be written.
    """
    _put(path / ADDRESS_FILE, json.dumps({"url": url, **settings}), sync=True)


def _put(file: Path, text: str, *, sync: bool = False, hint: str = "check the free space and who owns it") -> None:
    try:
        private.replace(file, text.encode(), sync=sync)
    except OSError as error:
        raise StartError(f"cannot write {file}: {error.strerror}", hint=hint) from error


def withdraw(path: Path) -> None:
    """Removes `server.json`. One that stays names a process that is gone, and keeps nothing from ending in order."""
    with contextlib.suppress(OSError):
        (path / SERVER_FILE).unlink(missing_ok=True)


def running(path: Path) -> dict[str, Any] | None:
    """What `server.json` says, if the process that it names is there."""
    facts = announced(path)
    if facts is None:
        return None
    try:
        os.kill(facts["pid"], 0)
    except PermissionError:
        return facts
    except (OSError, KeyError, TypeError):
        return None
    return facts
