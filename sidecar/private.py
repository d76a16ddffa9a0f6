"""Files that are their owner's alone: directories looked at before they are used, nothing opened through a link.

A data directory of mode 0700 keeps others out from then on. What is looked at here is what they may have put there,
or in its place, before. Standard library only: forwarders use this.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
MAX_BYTES = 16 * 1024 * 1024
"""Of a file that is read whole."""
_PLAIN = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISSOCK)
_NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""`O_NONBLOCK`: a FIFO that waits for a writer would hold up whoever opens it. It means nothing to a plain file."""


class UnsafeError(OSError):
    """What is there may be someone else's work: the text says what, and why it is not used."""

    def __init__(self, message: str) -> None:
        super().__init__(None, message)

    def __str__(self) -> str:
        return str(self.strerror)


def make_directory(path: Path) -> None:
    """Makes a directory of mode 0700 and what it lies in, or takes others' rights from one that is there.

    Raises:
        UnsafeError: it, or a link that leads to it, belongs to another user, or others could put one in its place.
        OSError: it cannot be made or changed.
    """
    check_parents(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_directory(path)
    path.chmod(0o700)


def check_directory(path: Path) -> None:
    """Looks at a directory without changing it.

    Raises:
        UnsafeError: as `make_directory`.
        OSError: it cannot be looked at.
    """
    check_parents(path)
    for found in (path.lstat(), path.stat()):
        if found.st_uid != os.geteuid():
            link = "the link " if stat.S_ISLNK(found.st_mode) else ""
            raise UnsafeError(f"{link}{path} belongs to another user")
    if not path.is_dir():
        raise UnsafeError(f"{path} is no directory")


def check_parents(path: Path) -> None:
    """Looks at every directory above, as far as they are there.

    Raises:
        UnsafeError: all may write into one that is not sticky: anyone could put another in this one's place.
    """
    for place in {*path.absolute().parents, *Path(os.path.realpath(path)).parents}:
        mode = place.stat().st_mode if place.exists() else 0
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise UnsafeError(f"everyone may write into {place}, and so could replace what is in it")


def check_entries(path: Path, *, deep: bool = True) -> None:
    """Looks at all that lies in a directory: plain files, directories and sockets of our own, nothing else.

    Others' rights are taken away.

    Raises:
        UnsafeError: a symbolic link, a FIFO, a device, or something that belongs to another user lies there.
    """
    for entry in _entries(path, deep=deep):
        with contextlib.suppress(FileNotFoundError):  # a running sidecar has removed it meanwhile
            _check_entry(entry)


def _check_entry(entry: "os.DirEntry[str]") -> None:
    found = entry.stat(follow_symlinks=False)
    if not any(kind(found.st_mode) for kind in _PLAIN):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no plain file"
        raise UnsafeError(f"{entry.path} is {what}")
    if found.st_uid != os.geteuid():
        raise UnsafeError(f"{entry.path} belongs to another user")
    if found.st_mode & OTHERS:
        Path(entry.path).chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def opened(path: Path, flags: int) -> int:
    """A descriptor of a plain file of our own, made with mode 0600 where `flags` say so.

    Raises:
        UnsafeError: it is something else, or someone else's.
        OSError: it cannot be opened; ELOOP when it is a symbolic link.
    """
    descriptor = os.open(path, flags | _NO_LINK, 0o600)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return descriptor
    os.close(descriptor)
    raise UnsafeError(f"{path} is no plain file of ours")


def read(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a plain file of our own, at most `limit` bytes of it. Raises as `opened`."""
    with os.fdopen(opened(path, os.O_RDONLY), "rb") as file:
        return file.read(limit)


def replace(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Puts a file of mode 0600 in place in one step, whatever lay there; on disk with `sync`.

    Raises:
        OSError: it is as it was.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(opened(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY), "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)


def _entries(path: Path, *, deep: bool) -> Iterator["os.DirEntry[str]"]:
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as found:
        for entry in found:
            yield entry
            if deep and entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), deep=True)
