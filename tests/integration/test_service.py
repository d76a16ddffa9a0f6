"""Laws of `leanvibe service`: units that the managers take, in the user's own directory, gone again afterwards."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.commands.service import manager_of, unit
from sidecar.errors import LeanvibeError
from tests.commands import LEANVIBE

ODD = '/opt/my "apps"/100% $HOME/leanvibe'
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


@LINUX
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd checks its own units")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """The manager itself finds nothing wrong with the unit, whatever characters its paths have."""
    data_dir = tmp_path / "da ta %h $HOME"
    program = tmp_path / "my apps" / "leanvibe"
    program.parent.mkdir()
    program.symlink_to(LEANVIBE)
    file = tmp_path / "leanvibe-sidecar.service"
    file.write_text(unit(manager_of("linux"), str(program), str(data_dir)))

    run = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(file)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (0, "") == (run.returncode, run.stderr)


def test_launchd_reads_the_unit() -> None:
    """The property list says what to run, whatever characters its paths have."""
    described = plistlib.loads(unit(manager_of("darwin"), ODD, "/data & more").encode())

    assert [ODD, "serve", "--data-dir", "/data & more"] == described["ProgramArguments"]
    assert {"SuccessfulExit": False} == described["KeepAlive"]
    assert 0o077 == described["Umask"]


def test_windows_is_told_what_to_do() -> None:
    """Where there is no manager that we know the hint is a command."""
    with pytest.raises(LeanvibeError) as refused:
        manager_of("win32")

    assert "schtasks" in refused.value.hint


@LINUX
def test_installed_and_gone_again(tmp_path: Path) -> None:
    """The unit is written and started, shown, stopped and removed, by calls to the user's own manager only."""
    calls = tmp_path / "calls"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {calls}\n')
    (programs / "systemctl").chmod(0o755)
    env = {**os.environ, "HOME": str(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}", "XDG_CONFIG_HOME": ""}
    target = tmp_path / ".config" / "systemd" / "user" / "leanvibe-sidecar.service"

    codes = [service(env, "status"), service(env, "install", "--dry-run")]
    assert not target.exists()
    codes += [service(env, "install"), service(env, "status")]
    assert f'ExecStart="{LEANVIBE}" serve' in target.read_text()
    codes += [service(env, "uninstall"), service(env, "uninstall")]

    assert [1, 0, 0, 0, 0, 0] == codes
    assert not target.exists()
    assert [
        "--user daemon-reload",
        "--user enable --now leanvibe-sidecar.service",
        "--user --no-pager status leanvibe-sidecar.service",
        "--user disable --now leanvibe-sidecar.service",
    ] == calls.read_text().splitlines()


NO_BUS = "Failed to connect to bus: No medium found"


def refusing(tmp_path: Path, said: str) -> dict[str, str]:
    """An environment whose service manager does nothing but say that."""
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho {said} >&2; exit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    return {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_CONFIG_HOME": ""}


@LINUX
@pytest.mark.parametrize(("said", "hint"), [("no such thing", "run it yourself"), (NO_BUS, "enable-linger")])
def test_a_manager_that_refuses_is_quoted(tmp_path: Path, said: str, hint: str) -> None:
    """What the manager said is passed on with what to do, exit code 1, and no unit stays."""
    env = refusing(tmp_path, said)

    run = subprocess.run([LEANVIBE, "service", "install"], env=env, capture_output=True, text=True, check=False)

    assert 1 == run.returncode
    assert [] == [word for word in (said, hint) if word not in run.stderr]
    assert [] == list(tmp_path.rglob("leanvibe-sidecar.service"))


@LINUX
def test_a_unit_goes_without_its_manager(tmp_path: Path) -> None:
    """Where no manager answers, status says what to do, and uninstall takes the unit and its link away."""
    env = refusing(tmp_path, NO_BUS)
    target = tmp_path / ".config" / "systemd" / "user" / "leanvibe-sidecar.service"
    link = target.parent / "default.target.wants" / target.name
    link.parent.mkdir(parents=True)
    target.write_text("[Service]\n")
    link.symlink_to(target)

    shown = subprocess.run([LEANVIBE, "service", "status"], env=env, capture_output=True, text=True, check=False)
    gone = subprocess.run([LEANVIBE, "service", "uninstall"], env=env, capture_output=True, text=True, check=False)

    assert (1, True) == (shown.returncode, "XDG_RUNTIME_DIR" in shown.stderr)
    assert (0, True) == (gone.returncode, "not stopped" in gone.stderr)
    assert [] == list(tmp_path.rglob("leanvibe-sidecar.service"))


@LINUX
def test_a_failed_install_leaves_the_unit_before(tmp_path: Path) -> None:
    """A unit that was there stays as it was when the new one cannot be started."""
    env = refusing(tmp_path, NO_BUS)
    target = tmp_path / ".config" / "systemd" / "user" / "leanvibe-sidecar.service"
    target.parent.mkdir(parents=True)
    target.write_text("[Service]\n")

    assert 1 == service(env, "install")
    assert "[Service]\n" == target.read_text()


def service(env: dict[str, str], *arguments: str) -> int:
    return subprocess.run([LEANVIBE, "service", *arguments], env=env, capture_output=True, check=False).returncode
