"""The real sidecar for tests: `leanvibe serve` as a process of its own, with all that a test asks of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.servers import scratch

PATIENCE = 30.0
"""Seconds until a sidecar that does not answer, end or deliver is an error."""

API = "/api/v1/observability"
LIVE = "/api/v1/websocket/observability"
MAX_FRAME = 96 * 1024 * 1024

Found = TypeVar("Found")


class Sidecar:
    """One `leanvibe serve` on a loopback port, ended by `stop` or `kill`.

    Args:
        home: an empty directory; `data` in it becomes the data directory, `stdout` and `stderr` keep what is said.
        env: settings, over an environment without any of ours.
        port: to listen on; 0 takes a free one.
        program: what is run, in place of the console command, with its arguments after it.
    """

    def __init__(
        self,
        home: Path,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        program: Sequence[str] = (str(Path(sys.executable).with_name("leanvibe")),),
    ) -> None:
        self.data_dir = home / "data"
        self._program = program
        self._reach: Callable[[int], Path] = lambda _: home / "data"
        self._home = home
        self._env = environment(env or {})
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(trust_env=False, timeout=PATIENCE)

    def start(self) -> Self:
        """Starts it, on the data that it left when it ran before, and returns once it answers."""
        given = str(self._home / "data")
        command = [*self._program, "serve", "--port", str(self._port), "--data-dir", given]
        (self.data_dir / "server.json").unlink(missing_ok=True)  # left by one that was killed
        with (self._home / "stdout").open("ab") as stdout, (self._home / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                command, cwd=self._home, env=self._env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        self.data_dir = self._reach(self._process.pid)
        until(self._answers, "the sidecar answers", self.output)
        return self

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return str(json.loads((self.data_dir / "server.json").read_text())["url"])

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    def keep_port(self, port: int) -> None:
        """Listens there from the next start on."""
        self._port = port

    def reach_data_by(self, path: Callable[[int], Path]) -> None:
        """Finds the data directory where `path` says for a process id: one in a mount namespace of its own."""
        self._reach = path

    @property
    def token(self) -> str:
        """What reading events needs."""
        return (self.data_dir / "token").read_text().strip()

    @property
    def pid(self) -> int:
        """Process id of the front."""
        assert self._process is not None
        return self._process.pid

    @property
    def worker_pid(self) -> int:
        """Process id of the worker that runs now; waits for one that is being started."""
        return until(lambda: child_of(self.pid), "there is a worker", self.output)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A GET with the token; `options` are those of httpx."""
        return self._client.get(self.url + path, **_with_headers(options, self._reading()))

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """A POST without the token, of bytes as they are and of anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._client.post(self.url + path, content=content, **_with_headers(options, headers))

    def post_native(self, body: Any, agent: str = "claude-code", **options: Any) -> httpx.Response:
        """Posts one hook payload as an agent does."""
        return self.post(f"/api/v1/hooks/{agent}", body, **options)

    def post_guide(self, body: Any, **options: Any) -> httpx.Response:
        """Posts one event, or many, in the guide's format."""
        return self.post(f"{API}/hook-events", body, **options)

    def sql(self, query: str) -> list[list[Any]]:
        """The rows that a SELECT gives; it sees every event that was acknowledged before."""
        answer = self.post(f"{API}/sql", {"query": query}, headers=self._reading())
        assert 200 == answer.status_code, answer.text
        rows: list[list[Any]] = answer.json()["rows"]
        return rows

    def health(self) -> dict[str, Any]:
        """What `/health` says, healthy or not."""
        found: dict[str, Any] = self.get(f"{API}/health").json()
        return found

    def wait_for_sinks(self, *names: str) -> None:
        """Returns once these sinks have passed every event that was acknowledged before."""
        last = self.health()["components"]["journal"]["last_seq"]
        until(lambda: self._are_at(last, names), f"{names} are at {last}", self.output)

    def live(self, query: str = "", **options: Any) -> ClientConnection:
        """A WebSocket client of the live events, with the token unless `options` say otherwise."""
        address = self.url.replace("http", "ws", 1) + LIVE + query
        given = {"additional_headers": self._reading(), "max_size": MAX_FRAME, "proxy": None, **options}
        client: ClientConnection = connect(address, **given)
        return client

    def output(self) -> str:
        """Everything that it said on stdout and stderr."""
        return "\n".join((self._home / name).read_text(errors="replace") for name in ("stdout", "stderr"))

    def files(self) -> dict[str, bytes]:
        """Every regular file that it wrote, its output included, by path below its home."""
        found = (path for path in sorted(self._home.rglob("*")) if path.is_file())
        return {str(path.relative_to(self._home)): path.read_bytes() for path in found}

    def stop(self) -> None:
        """Ends it as a service manager would, which it must take for an order: exit code 0."""
        code = self._end(signal.SIGTERM)
        assert 0 == code, self.output()

    def kill(self) -> None:
        """Ends the front as a crash would; returns once its worker has gone too."""
        worker = child_of(self.pid)
        self._end(signal.SIGKILL)
        until(lambda: worker not in processes(), "the worker has gone", self.output)

    def crash(self) -> None:
        """Ends the front as a crash would, and leaves it to the worker to notice."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stops it if it runs, and releases the client."""
        self._client.close()
        if self._process is not None:
            self.stop()

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            return process.wait(PATIENCE)
        finally:
            process.kill()

    def _answers(self) -> bool:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            self._process = None
            raise RuntimeError(f"leanvibe serve ended with {code}:\n{self.output()}")
        if not (self.data_dir / "server.json").exists():
            return False
        with contextlib.suppress(httpx.TransportError):
            return bool(self.health())
        return False

    def _are_at(self, seq: int, names: tuple[str, ...]) -> bool:
        sinks = self.health()["sinks"]
        return all(name in sinks and sinks[name]["seq"] >= seq for name in names)

    def _reading(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@contextlib.contextmanager
def running_sidecar(env: Mapping[str, str] | None = None, port: int = 0) -> Iterator[Sidecar]:
    """A sidecar in a temporary directory; if it still runs afterwards it is stopped, and must end with 0."""
    with scratch() as home, contextlib.closing(Sidecar(home, env, port)) as sidecar:
        yield sidecar.start()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without any variable of the sidecar or of OpenTelemetry, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEANVIBE_", "OTEL_"))}
    return {**kept, **settings}


def until(ask: Callable[[], Found | None], what: str, explain: Callable[[], str] = str) -> Found:
    """The first true answer.

    Raises:
        TimeoutError: there was none within `PATIENCE`; says what was awaited, and what `explain` says.
    """
    deadline = time.monotonic() + PATIENCE
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE:g} s: {what}\n{explain()}")
        time.sleep(0.02)
    return found


def child_of(pid: int) -> int | None:
    """A child process that runs."""
    return next((child for child, parent in processes().items() if parent == pid), None)


def processes() -> dict[int, int]:
    """Process id → parent of everything that runs, what waits to be reaped left out."""
    if not Path("/proc/self/stat").exists():
        lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = [line.split() for line in lines.stdout.splitlines()]
    else:
        rows = [_stat(file) for file in Path("/proc").glob("[0-9]*/stat")]
    return {int(row[0]): int(row[1]) for row in rows if row and not row[2].startswith("Z")}


def _stat(file: Path) -> list[str]:
    with contextlib.suppress(OSError):  # it has ended since it was listed
        state, parent = file.read_text().rpartition(")")[2].split()[:2]
        return [file.parent.name, parent, state]
    return []


def _with_headers(options: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {**options, "headers": {**headers, **options.get("headers", {})}}
