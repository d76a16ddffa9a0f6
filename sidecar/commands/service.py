"""`leanvibe service`: keeps the sidecar running, by the service manager that the system has."""

import os
import shutil
import string
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import rich_click as click

from sidecar import resources
from sidecar.commands.hooks import own_program
from sidecar.commands.options import data_dir_option
from sidecar.errors import LeanvibeError
from sidecar.settings import load

SECONDS = 60.0
SYSTEMD_UNIT = "leanvibe-sidecar.service"
LAUNCHD_LABEL = "dev.leanvibe.sidecar"
NO_BUS_HINT = (
    "no service manager of yours runs here: loginctl enable-linger starts one that outlives your login; in a shell "
    "that was not a login of yours also export XDG_RUNTIME_DIR=/run/user/$(id -u)"
)


@dataclass(frozen=True, slots=True)
class Manager:
    """A service manager: where the unit goes, what it is made of, and what is called.

    Args:
        program: its command, which must be there.
        template: the unit's template among our files.
        target: the unit's file.
        quote: how a path is written in the unit.
        start: commands after the unit was written.
        stop: commands before it is removed.
        show: the command that tells its state.
    """

    program: str
    template: Sequence[str]
    target: Path
    quote: Callable[[str], str]
    start: Sequence[Sequence[str]]
    stop: Sequence[Sequence[str]]
    show: Sequence[str]


def manager_of(platform: str) -> Manager:
    """The service manager of a platform, as `sys.platform` names it.

    Raises:
        LeanvibeError: there is none that we know.
    """
    if platform == "darwin":
        target = Path.home() / "Library" / "LaunchAgents" / f"{LAUNCHD_LABEL}.plist"
        domain = f"gui/{os.getuid()}"
        service = f"{domain}/{LAUNCHD_LABEL}"
        template = ("config", "launchd", target.name)
        start = (["bootstrap", domain, str(target)], ["kickstart", service])
        return Manager("launchctl", template, target, escape, start, (["bootout", service],), ["print", service])
    if platform == "win32":
        raise LeanvibeError(
            "there is no service for Windows here",
            hint='schtasks /Create /SC ONLOGON /TN leanvibe-sidecar /TR "leanvibe serve"',
        )
    config = os.environ.get("XDG_CONFIG_HOME")
    folder = (Path(config) if config else Path.home() / ".config") / "systemd" / "user"
    start = (["--user", "daemon-reload"], ["--user", "enable", "--now", SYSTEMD_UNIT])
    stop = (["--user", "disable", "--now", SYSTEMD_UNIT],)
    show = ["--user", "--no-pager", "status", SYSTEMD_UNIT]
    template = ("config", "systemd", SYSTEMD_UNIT)
    return Manager("systemctl", template, folder / SYSTEMD_UNIT, _systemd_quoted, start, stop, show)


@click.group()
def service() -> None:
    """Keep the sidecar running, from login on (systemd on Linux, launchd on macOS)."""


@service.command()
@click.option("--dry-run", is_flag=True, help="Print the unit and write nothing.")
@data_dir_option
def install(dry_run: bool, data_dir: Path | None) -> None:  # noqa: FBT001  a flag
    """Write the user's unit, start it, and start it again at every login.

    Example: leanvibe service install --dry-run
    """
    manager = manager_of(sys.platform)
    text = unit(manager, own_program(), str(load(data_dir=data_dir).data_dir))
    if dry_run:
        click.echo(f"# {manager.target}\n{text}", nl=False)
        return
    _require(manager)
    _write_and_start(manager, text)
    click.echo(f"{manager.target} is installed and running; leanvibe service status shows it")


@service.command()
def uninstall() -> None:
    """Stop the service and remove its unit; the data stay.

    Example: leanvibe service uninstall
    """
    manager = manager_of(sys.platform)
    if not manager.target.exists():
        click.echo(f"there is no {manager.target}")
        return
    try:
        _require(manager)
        for arguments in manager.stop:
            _call(manager, arguments)
    except LeanvibeError as error:  # a manager that cannot be asked runs nothing: the unit goes all the same
        click.echo(f"not stopped: {error}", err=True)
    _remove(manager.target)
    click.echo(f"{manager.target} is gone")


@service.command()
def status() -> None:
    """Show what the service manager says; exit code 1 when the service is not installed or not running.

    Example: leanvibe service status
    """
    manager = manager_of(sys.platform)
    if not manager.target.exists():
        click.echo("the service is not installed; leanvibe service install installs it")
        sys.exit(1)
    _require(manager)
    run = subprocess.run(
        [manager.program, *manager.show], stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False
    )
    if run.stderr:
        click.echo(run.stderr, nl=False, err=True)
    if _has_no_bus(run.stderr):
        click.echo(f"  {NO_BUS_HINT}", err=True)
    sys.exit(1 if run.returncode else 0)


def _write_and_start(manager: Manager, text: str) -> None:
    """Leaves what was there before, when it cannot be started."""
    manager.target.parent.mkdir(parents=True, exist_ok=True)
    before = manager.target.read_bytes() if manager.target.exists() else None
    manager.target.write_text(text, encoding="utf-8")
    try:
        for arguments in manager.start:
            _call(manager, arguments)
    except BaseException:
        if before is None:
            _remove(manager.target)
        else:
            manager.target.write_bytes(before)
        raise


def _remove(target: Path) -> None:
    """Removes a unit, and the links by which systemd starts it, which it may not have been able to remove."""
    for link in target.parent.glob(f"*.wants/{target.name}"):
        if link.is_symlink():
            link.unlink()
    target.unlink(missing_ok=True)


def unit(manager: Manager, program: str, data_dir: str) -> str:
    """The unit's text for a program and a data directory."""
    template = string.Template(resources.path(*manager.template).read_text("utf-8"))
    return template.substitute(program=manager.quote(program), data_dir=manager.quote(data_dir))


def _systemd_quoted(text: str) -> str:
    """As systemd reads an argument: within quotes, `%` and `$` doubled (systemd.service, COMMAND LINES)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _require(manager: Manager) -> None:
    if shutil.which(manager.program) is None:
        raise LeanvibeError(
            f"{manager.program} is not on this system", hint="run leanvibe serve by the service manager that you have"
        )


def _call(manager: Manager, arguments: Sequence[str]) -> None:
    """Calls the service manager.

    Raises:
        LeanvibeError: it refused; says with which words.
    """
    run = subprocess.run([manager.program, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    if run.returncode:
        said = run.stderr.strip() or run.stdout.strip() or f"exit code {run.returncode}"
        command = " ".join([manager.program, *arguments])
        raise LeanvibeError(
            f"`{command}` failed: {said}", hint=NO_BUS_HINT if _has_no_bus(said) else "run it yourself to see more"
        )


def _has_no_bus(said: str) -> bool:
    """Whether systemctl says that it does not reach the user's manager (its words differ by version)."""
    return any(words in said for words in ("connect to bus", "connect to user scope bus", "XDG_RUNTIME_DIR"))
