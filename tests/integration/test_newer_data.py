"""A data directory that a newer version wrote is left alone by this one."""

import json
from pathlib import Path

import pytest

from sidecar.front import data_format
from tests.commands import leanvibe

NEWER = {"format": data_format.FORMAT + 1, "version": "9.8.7"}


def contents(directory: Path) -> dict[str, bytes]:
    return {str(one.relative_to(directory)): one.read_bytes() for one in directory.rglob("*") if one.is_file()}


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("sql", "SELECT count(*) FROM events")])
def test_what_a_newer_version_wrote_is_not_touched(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Where the files have a format that this version does not know it ends with a line that names both versions."""
    (tmp_path / data_format.FORMAT_FILE).write_text(json.dumps(NEWER))
    (tmp_path / "store.duckdb").write_bytes(b"of another format")
    (tmp_path / "lock").touch()
    tmp_path.chmod(0o700)
    before = contents(tmp_path)

    done = leanvibe(*command, "--data-dir", str(tmp_path))

    assert 1 == done.returncode
    assert before == {name: contents(tmp_path)[name] for name in before}
    assert {"cache"} >= {name.partition("/")[0] for name in contents(tmp_path).keys() - before.keys()}
    assert "9.8.7" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_own_format_is_noted_and_known_again(tmp_path: Path) -> None:
    """The version that began a format is kept; what no version noted, or cannot be read, is as old as can be."""
    for left in (None, b"", b"\xff", b"[]", b'{"format":0,"version":"0.0.9"}'):
        if left is not None:
            (tmp_path / data_format.FORMAT_FILE).write_bytes(left)
        data_format.claim(tmp_path, "1.2.3")
        data_format.claim(tmp_path, "1.2.4")
        noted = json.loads((tmp_path / data_format.FORMAT_FILE).read_text())
        assert {"format": data_format.FORMAT, "version": "1.2.3"} == noted
