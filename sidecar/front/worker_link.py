"""Starts the worker, watches it, starts it again when it dies, and asks it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from sidecar import wire
from sidecar.errors import LeanvibeError
from sidecar.front.tasks import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, STEADY_SECONDS, Tasks
from sidecar.log import LOGGER
from sidecar.otel.metric_model import Metric
from sidecar.settings import PREFIX, Settings

STOP_SECONDS = 10.0
START_SECONDS = 5.0
"""How long a question waits for a worker that is being started."""
ASK_AGAIN_SECONDS = 0.05
PROGRESS_SECONDS = 1.0
QUIET_SECONDS = 2.0
"""Between two questions while nothing changes; less than `STALE_SECONDS` with the time of an answer."""
REPORT_SECONDS = 5.0
STALE_SECONDS = 5.0
"""Progress older than this says that the worker does not answer."""
WORKER_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "524288",
    "MALLOC_TRIM_THRESHOLD_": "524288",
    "DUCKDB_JE_MALLOC_CONF": "dirty_decay_ms:200,muzzy_decay_ms:0,narenas:2",
}
"""How glibc, and jemalloc, which DuckDB brings along, give back what is free (mallopt(3), jemalloc's TUNING.md)."""
BLOCKED_SECONDS = 60.0
"""A running worker that is silent for so long is ended. Longer than any store takes to open."""


class WorkerLink:
    """The front's side of the worker. The worker's death or silence never raises here: it is a state.

    Args:
        settings: handed to the worker over its stdin, never on its command line.
        passed: told each time how far every consumer has safely come, and how far the store.
        tasks: where it goes on, whatever a worker or its start may bring.
    """

    def __init__(self, settings: Settings, passed: Callable[[int, int], None], tasks: Tasks) -> None:
        self._settings = settings
        self._passed = passed
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = tasks
        self._stopping = False
        self._progress: dict[str, Any] | None = None
        self._progress_at = 0.0
        self._heard_at = 0.0
        self._report: Callable[[], list[Metric]] | None = None
        self._reported_at = 0.0
        self._started_at = 0.0
        self.starts = 0
        self.last_ending: str | None = None
        """How the last worker ended."""

    @property
    def pid(self) -> int | None:
        """Process id of the running worker."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def progress(self) -> dict[str, Any] | None:
        """How far store and sinks are, at most `STALE_SECONDS` old; None when the worker does not answer."""
        return self._progress if time.monotonic() - self._progress_at < STALE_SECONDS else None

    @property
    def trouble(self) -> str | None:
        """Why the worker does not answer, in one line; None when it does, or is being started for the first time."""
        if self.progress is not None:
            return None
        if self.pid is not None and time.monotonic() - self._started_at > STALE_SECONDS:
            return f"the worker (pid {self.pid}) does not answer; ingest goes on"
        if self.last_ending is not None:
            return f"the worker {self.last_ending}; it is started again by itself, ingest goes on"
        return None

    def start(self) -> None:
        """Begins watching; returns at once, ingest does not wait for the worker."""
        self._tasks.begin("worker", self._keep_running)
        self._tasks.begin("worker-progress", self._follow_progress)

    def tell(self, report: Callable[[], list[Metric]]) -> None:
        """Names what gives the front's metrics, for a worker that exports them too."""
        self._report = report

    async def ask(self, op: str, args: dict[str, Any], seconds: float) -> msgspec.Raw:
        """The worker's answer as JSON bytes.

        Raises:
            WorkerUnavailableError: it does not answer in time, or is still not up after `START_SECONDS`.
            LeanvibeError: its own error.
        """
        give_up_at = time.monotonic() + min(seconds, START_SECONDS)
        while True:
            try:
                return await wire.ask(self._settings.data_dir, op, args, seconds)
            except wire.NoWorkerError:
                if time.monotonic() > give_up_at:
                    raise
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def stop(self) -> None:
        """Tells the worker to flush and end; kills it when it does not within `STOP_SECONDS`."""
        self._stopping = True
        await self._tasks.end()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep_running(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping:
            started = time.monotonic()
            self.last_ending = await self._run_once()
            wait = FIRST_WAIT_SECONDS if time.monotonic() - started > STEADY_SECONDS else wait
            LOGGER.warning("the worker %s; it is started again in %.1f s", self.last_ending, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _run_once(self) -> str:
        """Starts a worker and waits for its end; how it ended."""
        try:
            self._process = await self._spawn()
        except OSError as error:
            return f"could not be started: {error.strerror}"
        self.starts += 1
        self._heard_at = self._started_at = time.monotonic()
        LOGGER.info("worker %s started", self._process.pid)
        ending = _ending(await self._process.wait())
        word = wire.last_word(self._settings.data_dir)
        return f"{ending}: {word}" if word else ending

    async def _spawn(self) -> asyncio.subprocess.Process:
        # -P: a folder of the user's own called like one of our packages must not shadow it.
        # A session of its own: Ctrl-C is for the front, which lets the worker go once it has given it all it took.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "sidecar.worker.main",
            stdin=asyncio.subprocess.PIPE, env=_environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101  asked for above
        with contextlib.suppress(*wire.GONE):  # it died at once: wait() says so
            process.stdin.write(self._settings.as_json().encode() + b"\n")
            await process.stdin.drain()
        return process

    async def _follow_progress(self) -> None:
        while True:
            self._end_if_blocked()
            before = self._progress
            try:
                self._heed(await self.ask("progress", self._news(), PROGRESS_SECONDS * 2))
                is_quiet = self._progress == before
            except LeanvibeError:  # a state: it is asked again
                is_quiet = False
            await asyncio.sleep(QUIET_SECONDS if is_quiet else PROGRESS_SECONDS)

    def _heed(self, raw: msgspec.Raw) -> None:
        progress = msgspec.json.decode(raw)
        self._passed(progress["passed"], progress["store_seq"])
        self._progress = progress
        self._progress_at = self._heard_at = time.monotonic()

    def _news(self) -> dict[str, Any]:
        """The front's metrics now and then, if the worker said that it exports them."""
        wanted = self._progress is not None and self._progress["exports_metrics"]
        if not wanted or self._report is None or time.monotonic() - self._reported_at < REPORT_SECONDS:
            return {}
        self._reported_at = time.monotonic()
        return {"front": self._report()}

    def _end_if_blocked(self) -> None:
        """Kills a worker that runs and says nothing, so that it is started anew."""
        if self.pid is not None and self._process and time.monotonic() - self._heard_at > BLOCKED_SECONDS:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def _ending(code: int) -> str:
    """How a process ended, from its exit code, which is negative for a signal."""
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _environment() -> dict[str, str]:
    """The worker's environment: ours, without a PYTHONPATH that could shadow our packages, and without our variables.

    Settings come by its stdin, and tokens are none of its business.

    glibc keeps 64 MB of address space per arena and takes eight arenas per core: with two of them most of the
    worker's ceiling is left for what it holds. DuckDB's own allocator keeps what was freed for ten seconds, which is
    for ever when a batch comes each second.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith(PREFIX)}
    return {**WORKER_MALLOC, **kept}
