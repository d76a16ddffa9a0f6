"""Settings files on disk: read as they are, written whole or not at all, undone byte by byte."""

import contextlib
import difflib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sidecar.errors import HooksError
from sidecar.hooks import jsontext, merge
from sidecar.hooks.table import Entry

RECEIPTS = "hooks"
"""Folder of the data directory with a receipt and a backup for each settings file that was changed."""
_RECEIPT = "receipt.json"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an installation did to one file.

    Args:
        path: the file.
        url: base URL of the sidecar in the hooks.
        events: the hooked events with their matchers.
        written: SHA-256 of the text as it was written.
        before: the text without any hook of ours; None when there was no file.
        token: whether the ingest token was written, too.
        mode: of the file before it held a token; None when there was none, or no token was written.
        made_folder: whether the file's folder was made for it.
    """

    path: str
    url: str
    events: dict[str, str | None]
    written: str
    before: str | None
    token: bool = False
    mode: int | None = None
    made_folder: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is and as it is to be; None stands for no file."""

    path: Path
    before: str | None
    after: str | None

    def __bool__(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """The change as a unified diff; empty when there is none."""
        old, new = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        lines = difflib.unified_diff(old, new, str(self.path), str(self.path))
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def settings_file(scope: str, environment: Mapping[str, str]) -> Path:
    """The settings file of Claude Code for a scope: user, project or local (the current directory's)."""
    if scope == "user":
        home = environment.get("CLAUDE_CONFIG_DIR")
        return (Path(home) if home else Path.home() / ".claude") / "settings.json"
    name = "settings.json" if scope == "project" else "settings.local.json"
    return Path.cwd() / ".claude" / name


def read(path: Path) -> str | None:
    """The text of a settings file with its line ends as they are; None when there is none.

    Raises:
        HooksError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise HooksError(f"{path} is not in UTF-8", hint="save it as UTF-8; nothing was written") from None
    except OSError as error:
        raise HooksError(f"cannot read {path}: {error.strerror}", hint="nothing was written") from None


def decoded(path: Path) -> Any:
    """The settings of a file; an empty object when there is none.

    Raises:
        HooksError: it cannot be read or is not plain JSON.
    """
    return jsontext.value_of(read(path) or "", str(path))


def planned(path: Path, wanted: Mapping[str, Entry], receipt: Receipt | None, token: str = "") -> Change:
    """What installing `wanted`, and a token if there is one, changes in a file: nothing, when it holds exactly that.

    Raises:
        HooksError: the file cannot be read, or is not what the client reads.
    """
    text = read(path)
    settings = jsontext.value_of(text or "", str(path))
    merge.places(settings, str(path))
    if merge.holds(settings, wanted, token):
        return Change(path, text, text)
    return Change(path, text, merge.with_entries(undone(path, text, receipt) or "", wanted, token))


def undone(path: Path, text: str | None, receipt: Receipt | None) -> str | None:
    """A settings text without our hooks: as it was before, when nobody has changed it since.

    Raises:
        HooksError: it is not plain JSON.
    """
    if text is None:
        return None
    if receipt is not None and receipt.written == digest(text):
        return receipt.before
    return merge.without_ours(text, str(path), token=receipt is not None and receipt.token)


def mode_of(path: Path) -> int | None:
    """The mode of a file, through a symbolic link; None when there is none."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    return None


def write(change: Change, mode: int | None = None) -> None:
    """Puts the file in place in one step, through a symbolic link and with the mode that it had, or with `mode`.

    Raises:
        HooksError: it is read-only or cannot be written; it is as it was.
    """
    target = Path(os.path.realpath(change.path))
    try:
        if target.exists() and not target.stat().st_mode & stat.S_IWUSR:
            raise HooksError(f"{target} is read-only; nothing was written", hint="chmod u+w, or change its source")
        if change.after is None:
            target.unlink(missing_ok=True)
        else:
            _replace(target, change.after, mode)
    except OSError as error:
        raise HooksError(f"cannot write {target}: {error.strerror}") from None


def remove_folder(path: Path) -> None:
    """Removes the folder of a file that is gone, unless something else is in it by now."""
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def receipts(data_dir: Path) -> list[Receipt]:
    """Every receipt of a data directory."""
    found = []
    for file in sorted((data_dir / RECEIPTS).glob(f"*/{_RECEIPT}")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Receipt(**json.loads(file.read_text("utf-8"))))
    return found


def receipt_of(data_dir: Path, path: Path) -> Receipt | None:
    """The receipt of the last installation into a file."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Receipt(**json.loads((_folder(data_dir, path) / _RECEIPT).read_text("utf-8")))
    return None


def keep(data_dir: Path, change: Change, receipt: Receipt) -> Path | None:
    """Writes the receipt, and a backup of the file as it was before the first installation.

    The backup's path; None when there was no file then.

    Args:
        data_dir: the data directory, which must exist.
        change: what was written.
        receipt: about it.
    """
    folder = _folder(data_dir, change.path)
    for private in (folder.parent, folder):
        private.mkdir(mode=0o700, exist_ok=True)
    backup = folder / "backup.json"
    is_first = not (folder / _RECEIPT).exists()
    if is_first and change.before is None:
        backup.unlink(missing_ok=True)
    elif is_first:
        _replace(backup, change.before or "", mode=0o600)
    _replace(folder / _RECEIPT, json.dumps(asdict(receipt)), mode=0o600)
    return backup if backup.exists() else None


def with_digest(receipt: Receipt, written: str) -> Receipt:
    """The receipt for a text of that digest."""
    return replace(receipt, written=written)


def forget(data_dir: Path, path: Path) -> None:
    """Removes the receipt; the backup stays."""
    (_folder(data_dir, path) / _RECEIPT).unlink(missing_ok=True)


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def _folder(data_dir: Path, path: Path) -> Path:
    return data_dir / RECEIPTS / digest(os.path.realpath(path))[:16]


def _replace(path: Path, text: str, mode: int | None = None) -> None:
    """Writes beside the file, syncs, and renames over it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if mode is None:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
