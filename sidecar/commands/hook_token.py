"""The ingest token in the hooks' settings: which one belongs there, and what to do once it is another one."""

import os
from collections.abc import Iterator
from pathlib import Path

from sidecar.errors import HooksError
from sidecar.front import data_dir as directory
from sidecar.hooks import files, merge
from sidecar.settings import Settings
from sidecar.state_dir import ingest_token

PRIVATE = 0o600


def needed(settings: Settings) -> bool:
    """Whether the sidecar of these settings takes events by token only: the running one, else the one to come."""
    facts = directory.running(settings.data_dir) or {}
    return str(facts.get("ingest", settings.ingest)) == "token"


def for_hooks(settings: Settings) -> str:
    """The token that hooks to this sidecar must bring, made if need be; empty when they need none."""
    if not needed(settings):
        return ""
    directory.prepare(settings.data_dir)
    return directory.ingest_token(settings.data_dir)


def renewed(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Writes the new token into every settings file that we gave the old one; each file, and why not, if so."""
    token = ingest_token(settings.data_dir)
    for receipt in files.receipts(settings.data_dir):
        if receipt.token:
            path = Path(receipt.path)
            try:
                _renew(settings.data_dir, path, receipt, token)
                yield path, ""
            except HooksError as error:
                yield path, str(error)


def _renew(data_dir: Path, path: Path, receipt: files.Receipt, token: str) -> None:
    text = files.read(path)
    if text is None or merge.token_in(files.decoded(path)) is None:
        raise HooksError(f"{path} holds no token any more", hint="leanvibe hooks install writes it")
    change = files.Change(path, text, merge.with_token(text, token))
    written = files.digest(change.after or "") if receipt.written == files.digest(text) else receipt.written
    files.write(change, PRIVATE)
    files.keep(data_dir, change, files.with_digest(receipt, written))


def complaints(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with the token in the hooks that are registered: the scope and a line for each settings file."""
    if not needed(settings):
        return
    token = ingest_token(settings.data_dir)
    for scope in ("user", "project", "local"):
        path = files.settings_file(scope, os.environ)
        problem = merge.token_problem(files.decoded(path), token, os.environ)
        if problem:
            yield scope, f"{path}: {problem}"
