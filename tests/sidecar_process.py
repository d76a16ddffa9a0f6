"""The real sidecar for tests: `leanvibe serve` as a process of its own, with all that a test asks of it."""

import contextlib
import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from websockets.sync.client import ClientConnection, connect

from sidecar import trust
from tests import http_raw
from tests.commands import LEANVIBE, environment
from tests.processes import child_of, processes
from tests.servers import scratch
from tests.waiting import PATIENCE, until

API = "/api/v1/observability"
LIVE = "/api/v1/websocket/observability"
JSON = {"Content-Type": "application/json"}
MAX_FRAME = 96 * 1024 * 1024


class Sidecar:
    """One `leanvibe serve` on a loopback port, ended by `stop` or `kill`.

    Args:
        home: a directory; `data` in it is or becomes the data directory, `stdout` and `stderr` keep what is said.
        env: settings, over an environment without any of ours.
        port: to listen on; 0 takes a free one.
        program: what is run, in place of the console command, with its arguments after it.
        limits: `resource` limits of the process, such as `{resource.RLIMIT_NOFILE: 64}`.
        more: options of `serve`.
    """

    def __init__(
        self,
        home: Path,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        program: Sequence[str] = (LEANVIBE,),
        limits: Mapping[int, int] | None = None,
        more: Sequence[str] = (),
    ) -> None:
        self._more = more
        self.data_dir = home / "data"
        self._program = program
        self._reach: Callable[[int], Path] = lambda _: home / "data"
        self._home = home
        self._env = environment(env or {})
        self._port = port
        self._limits = dict(limits or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._tls = trust.context(self._env["LEANVIBE_TLS_CERT"]) if "LEANVIBE_TLS_CERT" in self._env else None
        self._client = httpx.Client(trust_env=False, timeout=http_raw.SECONDS, verify=self._tls or True)

    def start(self, *, with_worker: bool = True) -> Self:
        """Starts it, on the data that it left when it ran before; returns once it, and its worker, answer."""
        given = str(self._home / "data")
        words = [*self._program, "serve", "--port", str(self._port), "--data-dir", given, *self._more]
        with (self._home / "stdout").open("ab") as stdout, (self._home / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                words, cwd=self._home, env=self._env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                preexec_fn=self._limit if self._limits else None,  # noqa: PLW1509  no thread of ours holds a lock
            )  # fmt: skip
        self.data_dir = self._reach(self._process.pid)
        until(lambda: self._is_ready(with_worker=with_worker), "sidecar and worker answer", self.output)
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
    def bearer(self) -> dict[str, str]:
        """The header that reading events needs."""
        return {"Authorization": f"Bearer {self.token}"}

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
        return self._client.get(self.url + path, **_with_headers(options, self.bearer))

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """A POST without the token, of bytes as they are and of anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._client.post(self.url + path, content=content, **_with_headers(options, JSON))

    def raw(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request with nothing added or corrected; see `http_raw.request`."""
        return http_raw.request(self.port, method, path, body, headers)

    def post_native(self, body: Any, agent: str = "claude-code", **options: Any) -> httpx.Response:
        """Posts one hook payload as an agent does."""
        return self.post(f"/api/v1/hooks/{agent}", body, **options)

    def post_guide(self, body: Any, **options: Any) -> httpx.Response:
        """Posts one event, or many, in the guide's format."""
        return self.post(f"{API}/hook-events", body, **options)

    def ask(self, query: str) -> httpx.Response:
        """Whatever the answer to a SELECT is."""
        return self.post(f"{API}/sql", {"query": query}, headers=self.bearer)

    def sql(self, query: str) -> list[list[Any]]:
        """The rows that a SELECT gives; it sees every event that was acknowledged before."""
        answer = self.ask(query)
        assert 200 == answer.status_code, answer.text
        rows: list[list[Any]] = answer.json()["rows"]
        return rows

    def count(self) -> int:
        """How many events are stored."""
        return int(self.sql("SELECT count(*) FROM events")[0][0])

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
        given = {
            "additional_headers": self.bearer, "max_size": MAX_FRAME, "proxy": None, "ssl": self._tls, **options,
        }  # fmt: skip
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

    def interrupt(self) -> None:
        """Ends it as Ctrl-C in its terminal would: its whole group is told, and it must take that for an order."""
        assert self._process is not None
        process, self._process = self._process, None
        os.killpg(process.pid, signal.SIGINT)
        assert 0 == process.wait(PATIENCE), self.output()

    def kill(self) -> None:
        """Ends the front as a crash would; returns once its worker has gone too."""
        worker = child_of(self.pid)
        self._end(signal.SIGKILL)
        until(lambda: worker not in processes(), "the worker has gone", self.output)

    def crash(self) -> None:
        """Ends the front as a crash would, and leaves it to the worker to notice."""
        self._end(signal.SIGKILL)

    def kill_worker(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Sends the worker that runs now a signal; its process id."""
        pid = self.worker_pid
        os.kill(pid, how)
        return pid

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

    def _is_ready(self, *, with_worker: bool) -> bool:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            self._process = None
            raise RuntimeError(f"leanvibe serve ended with {code}:\n{self.output()}")
        # Until it listens, what is said of where is missing, or left by one that was killed.
        with contextlib.suppress(OSError, ValueError, LookupError, httpx.TransportError):
            health = self.health()
            worker = health["components"]["worker"]["status"]
            return self.pid == health["pid"] and (not with_worker or worker == "healthy")
        return False

    def _limit(self) -> None:
        for number, value in self._limits.items():
            resource.setrlimit(number, (value, value))

    def _are_at(self, seq: int, names: tuple[str, ...]) -> bool:
        sinks = self.health()["sinks"]
        return all(name in sinks and sinks[name]["seq"] >= seq for name in names)


@contextlib.contextmanager
def running_sidecar(
    env: Mapping[str, str] | None = None,
    port: int = 0,
    *,
    home: Path | None = None,
    limits: Mapping[int, int] | None = None,
) -> Iterator[Sidecar]:
    """A sidecar in `home`, or in a temporary directory; if it still runs afterwards it must stop in order."""
    with contextlib.ExitStack() as stack:
        sidecar = Sidecar(home or stack.enter_context(scratch()), env, port, limits=limits)
        stack.enter_context(contextlib.closing(sidecar))
        yield sidecar.start()


def _with_headers(options: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {**options, "headers": {**headers, **options.get("headers", {})}}
