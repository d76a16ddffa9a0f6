"""What commands do to the files of a sidecar that does not run: held against another, and on record."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.audit.trail import AuditTrail
from sidecar.commands.client import NotRunningError
from sidecar.errors import AuditError
from sidecar.front import data_dir as directory
from sidecar.settings import Settings, load

if TYPE_CHECKING:
    from sidecar.worker.store.store import Store


def settings_of(data_dir: Path | None, url: str | None, error: NotRunningError) -> Settings:
    """The settings of a stopped sidecar whose store can be opened in its place.

    Raises:
        NotRunningError: the given one, where a URL was asked for, or there is no store.
    """
    if url is not None:
        raise error
    from sidecar.worker.store.store import FILE_NAME

    settings = load(data_dir=data_dir)
    if not (settings.data_dir / FILE_NAME).exists():
        raise error
    return settings


@contextlib.contextmanager
def store_of(settings: Settings, action: str, detail: Callable[[], dict[str, Any]]) -> Iterator["Store"]:
    """The store of a stopped sidecar, with all that its journal holds.

    Args:
        settings: its own.
        action: what is done, as the audit trail names it.
        detail: what it is about; asked once the directory is known to be safe.

    Raises:
        StartError: the directory is not safe, or another process holds it.
        AuditError: it could not be recorded, so it is not done.
        StoreError: the store cannot be opened.
    """
    from sidecar.worker.offline import opened

    os.umask(0o077)
    directory.prepare(settings.data_dir)
    told = detail()
    with directory.held(settings.data_dir), on_record(settings.data_dir, action, told), opened(settings) as store:
        yield store


@contextlib.contextmanager
def on_record(data_dir: Path, action: str, detail: dict[str, Any]) -> Iterator[None]:
    """What a command does to files itself, recorded before it does it.

    Raises:
        AuditError: it could not be recorded, so it is not done.
    """
    who = {"actor": "command", "origin": f"pid {os.getpid()}, uid {os.getuid()}"}
    try:
        AuditTrail(data_dir).append(action, who, detail)
    except OSError as error:
        raise AuditError(f"the audit trail cannot be written: {error.strerror or error}") from None
    yield
