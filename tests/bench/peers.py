"""Two peers in the same run: cc-observatory and Datadog's Lapdog, windows interleaved with ours.

`uv run python -m tests.bench --only peers`. Each is installed from PyPI into an environment of its own, kept in
`$LEANVIBE_BENCH_CACHE`, else in the user's cache directory. One that cannot be installed is a line that says so.
"""

import contextlib
import dataclasses
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import httpx

from tests.bench import load
from tests.bench.ack import performance
from tests.bench.bodies import of_size
from tests.bench.least import bare_append_ms
from tests.bench.lines import Line, Options, median
from tests.bench.machine import both, private_mb, wait_until
from tests.bench.paced import HOOKS
from tests.bench.spelling import for_older_python
from tests.processes import processes
from tests.servers import free_port, scratch
from tests.sidecar_process import running_sidecar
from tests.waiting import until

INSTALL_SECONDS = 300
WANTED_RATIO = 2.5
"""Our synced throughput at 64 clients against cc-observatory's, at least."""

Count = Callable[[], int]


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A server under test: where hooks are posted, its processes, what it promises, has dropped, and has waiting."""

    name: str
    url: str
    pids: tuple[int, ...]
    promise: str
    drops: Count
    waiting: Count


def run(options: Options) -> list[Line]:
    """Latency, throughput, drops and memory of each, from windows one after the other in every round."""
    with contextlib.ExitStack() as stack:
        found, lines = [ours(stack)], []
        for name, start in PEERS.items():
            try:
                found.append(stack.enter_context(start()))
            except (OSError, RuntimeError, subprocess.SubprocessError, TimeoutError) as error:
                lines.append(Line(f"peer {name}", None, "", note=f"not measured: {error}"[:200].replace("\n", " ")))
        return lines + measured(found, options)


def ours(stack: contextlib.ExitStack) -> Running:
    """The sidecar without sinks, as the peers have none."""
    sidecar = stack.enter_context(running_sidecar())
    drops = lambda: sum(performance(sidecar.url).values())  # noqa: E731  one of several
    waiting = lambda: sidecar.health()["components"]["store"]["lag_events"]  # noqa: E731  the same
    promise = "synced to disk, redacted, whole content"
    return Running("leanvibe", sidecar.url + HOOKS, both(sidecar), promise, drops, waiting)


def measured(servers: list[Running], options: Options) -> list[Line]:
    """Each server's lines, and ours against each."""
    body, seconds = of_size(1_000), options.of(2, 1)
    one: dict[str, list[load.Window]] = {server.name: [] for server in servers}
    many: dict[str, list[load.Window]] = {server.name: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            one[server.name].append(load.window(server.url, body, 1, seconds))
            many[server.name].append(load.window(server.url, body, 64, seconds))
            wait_until(partial(is_settled, server))  # what it has queued is not the next one's to bear
    lines = [line for server in servers for line in figures(server, one[server.name], many[server.name])]
    ratios = {server.name: compared(many["leanvibe"], many[server.name]) for server in servers[1:]}
    beside = f"bare append + fdatasync {bare_append_ms(body):.2f} ms"
    return lines + [
        median(f"throughput, 64 clients: leanvibe : {name}", values, "×", at_least=True, comparison=beside,
               budget=WANTED_RATIO if name == "cc-observatory" else 1)
        for name, values in ratios.items()
    ]  # fmt: skip


def is_settled(server: Running) -> bool:
    """Whether it has nothing left to do."""
    return server.waiting() == 0


def compared(our: list[load.Window], their: list[load.Window]) -> list[float]:
    """Ratios within each round."""
    return [one.per_second / max(other.per_second, 0.001) for one, other in zip(our, their, strict=True)]


def figures(server: Running, one: list[load.Window], many: list[load.Window]) -> list[Line]:
    """Latency, throughput, drops and memory of one server."""
    errors = sum(window.errors for window in (*one, *many))
    sent = sum(window.requests for window in (*one, *many))
    note = "; ".join(filter(None, (load.limited_by_client(*many), f"{errors} errors" if errors else "")))
    p99 = f"p99 {statistics.median(window.p99 for window in one):.1f} ms"
    rates = [window.per_second for window in many]
    return [
        median(f"{server.name}: ack p50, 1 client", [window.p50 for window in one], "ms", comparison=p99,
               note=f"promises at the acknowledgement: {server.promise}"),
        median(f"{server.name}: throughput, 64 clients", rates, "events/s", note=note),
        Line(f"{server.name}: dropped after the acknowledgement", server.drops(), "events",
             budget=0 if server.name == "leanvibe" else None, comparison=f"{sent:,} sent"),
        Line(f"{server.name}: private memory afterwards", sum(map(private_mb, server.pids)), "MB"),
    ]  # fmt: skip


@contextlib.contextmanager
def cc_observatory() -> Iterator[Running]:
    """Its server; drops by its own counters. Older Pythons than 3.12 get it with its newest spelling undone."""
    home = installed("cc-observatory", "cc-observatory[server]", "ccobs")
    port, metrics = free_port(), free_port()
    with scratch() as data:
        environment = {
            "CCOBS_DATA_DIR": str(data), "CCOBS_PORT": str(port), "CCOBS_METRICS_PORT": str(metrics),
            "CCOBS_TELEMETRY_RECONCILE": "false", "CCOBS_LOG_LEVEL": "warning",
        }  # fmt: skip

        def total(name: str) -> int:
            text = httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).text
            return int(sum(map(float, re.findall(rf"^{name}\{{.*\}} (\S+)$", text, re.MULTILINE))))

        drops, waiting = partial(total, "ccobs_hook_events_dropped_total"), partial(total, "ccobs_hook_queue_depth")
        with served(home, ["-m", "ccobs.server"], port, environment) as pid:
            url = f"http://127.0.0.1:{port}/hooks"
            yield Running("cc-observatory", url, (pid,), "in memory; no content is ever stored", drops, waiting)


@contextlib.contextmanager
def lapdog() -> Iterator[Running]:
    """Its server, which keeps everything in memory and counts no drops."""
    home, port = installed("lapdog", "ddapm-test-agent"), free_port()
    words = ["-m", "lapdog.server", "--port", str(port), "--otlp-http-port", str(free_port())]
    words += ["--otlp-grpc-port", str(free_port()), "--web-ui-port", "0", "--disable-llmobs-data-forwarding"]
    with served(home, words, port, {}) as pid:
        url = f"http://127.0.0.1:{port}/claude/hooks"
        yield Running("lapdog", url, (pid,), "in memory, lost at its end", lambda: 0, lambda: 0)


PEERS: dict[str, Callable[[], contextlib.AbstractContextManager[Running]]] = {
    "cc-observatory": cc_observatory,
    "lapdog": lapdog,
}


def installed(name: str, requirement: str, package: str = "") -> Path:
    """The interpreter of an environment that has it; made when it is not there.

    Args:
        name: of the environment.
        requirement: what pip installs.
        package: the one whose newest spelling is undone where this Python is older than it wants.

    Raises:
        RuntimeError: it cannot be installed; says why.
    """
    home = cache() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python, done = home / "bin" / "python", home / "complete"
    if not done.exists():
        uv("venv", "--clear", str(home))
        if package and sys.version_info < (3, 12):
            with scratch() as folder:
                for_older_python(requirement, package, folder, home, lambda *words: uv(*words, python=python))
        else:
            uv("pip", "install", requirement, python=python)
        done.touch()
    return python


def uv(*words: str, python: Path | None = None) -> None:
    """Runs uv.

    Raises:
        RuntimeError: it failed; its last words.
    """
    command = [sys.executable, "-m", "uv", "-q", *words, *(["--python", str(python)] if python else [])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if run.returncode:
        raise RuntimeError(f"it cannot be installed: {run.stderr.strip()[-150:]}")


def cache() -> Path:
    """Where environments are kept."""
    given = os.environ.get("LEANVIBE_BENCH_CACHE")
    base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "leanvibe-bench"
    base.mkdir(parents=True, exist_ok=True)
    return base


@contextlib.contextmanager
def served(python: Path, words: list[str], port: int, settings: Mapping[str, str]) -> Iterator[int]:
    """The process id of a server that answers on a port, as long as it runs; its output is kept nowhere."""
    with scratch() as home:
        environment = {**os.environ, "HOME": str(home), **settings}
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            [str(python), *words], cwd=home, env=environment, stdin=quiet, stdout=quiet, stderr=quiet
        )
        try:
            until(lambda: process.poll() is not None or answers(port), f"{words[1]} answers")
            if process.pid not in processes():
                raise RuntimeError(f"{words[1]} ended with {process.poll()}")
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def answers(port: int) -> bool:
    """Whether anything is served there."""
    with contextlib.suppress(httpx.TransportError):
        return bool(httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code)
    return False
