"""What a start finds in its data directory after a power cut or a full disk never keeps it from starting."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar import private
from sidecar.errors import StartError
from sidecar.front import data_dir
from sidecar.state_dir import noted_address, noted_policy

FILES = [data_dir.TOKEN_FILE, data_dir.INGEST_TOKEN_FILE, data_dir.HASH_KEY_FILE]


@pytest.mark.parametrize("left", [b"", b"\n", None])
@pytest.mark.parametrize("name", FILES)
def test_a_token_that_was_left_empty_is_made_anew(tmp_path: Path, name: str, left: bytes | None) -> None:
    """A file that has a name and no content yet, as a power cut leaves it, is no token: a new one takes its place."""
    file = tmp_path / name
    if left is not None:
        file.write_bytes(left)

    made = data_dir.kept(file)

    assert len(made) >= 43
    assert made == data_dir.kept(file) == file.read_text().strip()
    assert ([file], 0o600) == (list(tmp_path.iterdir()), file.stat().st_mode & 0o777)


def test_what_a_later_start_goes_by_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens, policy and address are synced before they have their names: an empty policy would say there is none."""
    synced: list[int] = []

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", noted)
    data_dir.token(tmp_path)
    data_dir.note_policy(tmp_path, "/etc/policy.toml")
    data_dir.note_address(tmp_path, "http://127.0.0.1:1")

    written = [tmp_path / name for name in ("token", "redaction-policy", "address")]
    assert [file.stat().st_size for file in written] == synced
    assert ("/etc/policy.toml", "http://127.0.0.1:1") == (noted_policy(tmp_path), noted_address(tmp_path)["url"])


@pytest.mark.parametrize("write", [data_dir.note_policy, data_dir.note_address, data_dir.announce])
def test_what_a_start_cannot_write_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]
) -> None:
    """A full disk ends a start with the file and the reason, and leaves what was there."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(private, "replace", full)
    given = {"policy": "/etc/policy.toml"} if write is data_dir.note_policy else {"url": "http://127.0.0.1:1"}
    with pytest.raises(StartError, match=f"cannot write {tmp_path}/.*: No space left on device .*free space"):
        write(tmp_path, **given)
