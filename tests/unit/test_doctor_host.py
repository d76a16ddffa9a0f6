"""What the doctor says of the machine."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from sidecar.doctor.finding import State
from sidecar.doctor.host import disk_finding


def test_the_disk_is_the_one_that_the_directory_will_be_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first start there is no directory yet: that which it will be made in tells, not the root's disk."""
    asked: list[Path] = []
    usage = shutil.disk_usage

    def noted(path: Path) -> Any:
        asked.append(path)
        return usage(path)

    monkeypatch.setattr(shutil, "disk_usage", noted)
    finding = disk_finding(tmp_path / "state" / "leanvibe", 0)

    assert (State.OK, [tmp_path]) == (finding.state, asked)
