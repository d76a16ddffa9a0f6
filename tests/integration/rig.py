"""A real `leanvibe serve` in a process of its own, for tests that attack it."""

import contextlib
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

NATIVE = "/api/v1/hooks/claude-code"
GUIDE = "/api/v1/observability/hook-events"
API = "/api/v1/observability"
JSON = {"Content-Type": "application/json"}
WAIT_SECONDS = 30.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request was answered with."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


def wait_until(found: Callable[[], Found], seconds: float = WAIT_SECONDS) -> Found:
    """The first true value of `found`, asked again and again for at most `seconds`."""
    give_up_at = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < give_up_at, f"still {value!r} after {seconds} s"
        time.sleep(0.05)
    return value


class Sidecar:
    """One sidecar on a free port with its data in `data_dir`; started by `start`.

    Args:
        data_dir: kept between starts.
        limits: `resource` limits of the process, such as `{resource.RLIMIT_NOFILE: 64}`.
        environment: settings, as environment variables.
    """

    def __init__(
        self, data_dir: Path, limits: Mapping[int, int] | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self._limits = dict(limits or {})
        self._environment = dict(environment or {})
        self._log = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All that front and worker have written to stdout and stderr, over all starts."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """The front's process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        facts = json.loads((self.data_dir / "server.json").read_text())
        return int(facts["url"].rpartition(":")[2])

    @property
    def token(self) -> str:
        """The token for reading."""
        return (self.data_dir / "token").read_text().strip()

    def start(self, *options: str) -> "Sidecar":
        """Starts it and returns when it takes requests and its worker answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command("serve", "--port", "0", "--data-dir", str(self.data_dir), *options),
                stdout=log, stderr=log, env=environment(self._environment), preexec_fn=self._limit,  # noqa: PLW1509
            )  # fmt: skip
        wait_until(self._is_ready)
        return self

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(WAIT_SECONDS)

    def worker_pid(self) -> int | None:
        """The worker's process id, if one runs."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def kill_worker(self, number: int = signal.SIGKILL) -> int:
        """Sends the worker a signal; its process id."""
        pid = wait_until(self.worker_pid)
        os.kill(pid, number)
        return pid

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            found = connection.getresponse()
            return Answer(found.status, found.read(), {k.lower(): v for k, v in found.getheaders()})

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Posts bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, raw, {**JSON, **(headers or {})})

    def sql(self, query: str) -> Answer:
        """Asks with the token."""
        return self.post(f"{API}/sql", {"query": query}, self.bearer())

    def rows(self, query: str) -> list[list[Any]]:
        """The rows of a query that works."""
        answer = self.sql(query)
        assert 200 == answer.status, answer.body
        rows: list[list[Any]] = answer.json["rows"]
        return rows

    def count(self) -> int:
        """How many events are stored."""
        return int(self.rows("SELECT count(*) FROM events")[0][0])

    def bearer(self) -> dict[str, str]:
        """The header that reading needs."""
        return {"Authorization": f"Bearer {self.token}"}

    def health(self) -> Any:
        """What it says of itself."""
        return self.request("GET", f"{API}/health").json

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return bool(self.health()["components"]["worker"]["status"] == "healthy")
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _limit(self) -> None:
        for number, value in self._limits.items():
            resource.setrlimit(number, (value, value))


def command(*words: str) -> list[str]:
    """The command line of `leanvibe` with these words."""
    return [sys.executable, "-P", "-c", "from sidecar.cli import main; main()", *words]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEANVIBE_", "OTEL_"))}
    return {**kept, **(more or {})}


@contextlib.contextmanager
def running(
    data_dir: Path, limits: Mapping[int, int] | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Sidecar]:
    """A sidecar that is gone at the end, whatever the test did to it."""
    sidecar = Sidecar(data_dir, limits, environment)
    try:
        yield sidecar.start()
    finally:
        if sidecar.process is not None and sidecar.process.poll() is None:
            sidecar.kill()
