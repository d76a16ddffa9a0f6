"""What the front may ask the worker, and the answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from sidecar.errors import QueryFailedError, QueryLimitError, WorkerUnavailableError
from sidecar.otel.metric_model import Metric
from sidecar.worker.ceiling import end_if_used_up
from sidecar.worker.deliver.consumer import EventStreamProcessor
from sidecar.worker.deliver.replay import Replayer, Step, Wanted
from sidecar.worker.measure.exporter import MetricExporter
from sidecar.worker.measure.meter import MAX_SHOWN, Meter, Running
from sidecar.worker.query.listing import EventFilter, recent
from sidecar.worker.query.sql import SqlAnswer, answer
from sidecar.worker.store.audit import AuditTable
from sidecar.worker.store.loader import Loader
from sidecar.worker.store.opening import broken_note
from sidecar.worker.store.store import Store
from sidecar.worker.store.upkeep import Account, Upkeep

Result = TypeVar("Result")
CATCH_UP_SECONDS = 5.0
QUERY_THREADS = 2
MAX_QUERIES = 8
"""Users' queries that may wait for a thread; more are refused at once."""
MAX_LISTS = 32
"""The same for lists and replays, which have threads of their own: no query of a user keeps the page waiting."""


class Progress(msgspec.Struct):
    """How far everyone is, for trimming, health and metrics."""

    since: float
    """When the worker began to count what its sinks do, in seconds since the epoch."""
    passed: int
    """Every consumer has safely passed this sequence number: the journal may forget up to it."""
    store_seq: int
    store_error: str | None
    store_oldest_at: float | None
    """When the first event that is not in the store yet was received, in seconds since the epoch."""
    store_note: str | None
    """A store or a sealed file that was moved aside and not yet removed, or what keeps days from being sealed."""
    sealed: Account
    sinks: list[dict[str, Any]]
    turns: list[Running]
    """Turns under way, the oldest first, at most `MAX_SHOWN`."""
    turns_running: int
    dropped: dict[str, int]
    exports_metrics: bool
    """Whether the front is to tell its metrics now and then, for export."""
    exports: list[dict[str, Any]]
    """What is exported periodically and not event by event: its state."""


class Answers:
    """Dispatches the front's questions; each operation is a method of the same name.

    Args:
        store: where the answers are.
        loader: asked to catch up before a query.
        sinks: the deliveries, by name.
        meter: what agents do, in numbers.
        replayer: sends again.
        upkeep: keeps the store within its bounds.
        exporter: sends metrics out, if they are to be.
    """

    def __init__(  # noqa: PLR0913, PLR0917  the parts of a worker
        self,
        store: Store,
        loader: Loader,
        sinks: Mapping[str, EventStreamProcessor[Any]],
        meter: Meter,
        replayer: Replayer,
        upkeep: Upkeep,
        exporter: MetricExporter | None = None,
    ) -> None:
        self._replayer = replayer
        self._store = store
        self._loader = loader
        self._sinks = sinks
        self._meter = meter
        self._exporter = exporter
        self._upkeep = upkeep
        self._audit = AuditTable(store)
        self._since = time.time()
        self._queries = _Threads("query", MAX_QUERIES)
        self._lists = _Threads("list", MAX_LISTS)
        self._operations: dict[str, Callable[..., Awaitable[Any]]] = {
            "progress": self.progress,
            "sql": self.sql,
            "events": self.events,
            "metrics": self.metrics,
            "replay": self.replay,
        }

    async def __call__(self, op: str, args: dict[str, Any]) -> Any:
        """The answer to one question.

        Raises:
            LeanvibeError: the operation's own error, or an operation that this version does not know.
        """
        operation = self._operations.get(op)
        if operation is None:
            raise WorkerUnavailableError(f"the worker does not know {op!r}", hint="restart the sidecar")
        return await operation(**args)

    async def progress(self, front: list[dict[str, Any]] | None = None) -> Progress:
        """How far everyone is.

        Args:
            front: the front's metrics, when it tells them.
        """
        if front is not None and self._exporter:
            self._exporter.front = msgspec.convert(front, list[Metric])
        durable = self._loader.durable
        names = ["store", *self._sinks]
        return Progress(
            since=self._since,
            passed=min(durable.get(name, 0) for name in names),
            store_seq=self._loader.cursor,
            store_error=self._loader.last_error,
            store_oldest_at=self._loader.oldest_at,
            turns=sorted(self._meter.running, key=lambda turn: turn.started_at)[:MAX_SHOWN],
            turns_running=len(self._meter.running),
            dropped=self._meter.dropped,
            exports_metrics=self._exporter is not None,
            exports=[msgspec.to_builtins(self._exporter.state)] if self._exporter else [],
            store_note=broken_note(self._store.path) or self._upkeep.account.note,
            sealed=self._upkeep.account,
            sinks=[
                {**msgspec.to_builtins(sink.state), "lag_seconds": sink.state.lag_seconds()}
                for sink in self._sinks.values()
            ],
        )

    async def metrics(self) -> list[Metric]:
        """What agents do, in numbers."""
        return self._meter.metrics()

    async def sql(self, query: str, after_seq: int, seconds: float, max_rows: int) -> SqlAnswer:
        """Runs one SELECT over a store that holds everything up to `after_seq`; if it cannot in time, says so."""
        return await self._queries.run(self._run_sql, query, after_seq, seconds, max_rows)

    async def events(self, wanted: dict[str, Any], after_seq: int) -> dict[str, Any]:
        """One page of events."""
        return await self._lists.run(self._list_events, msgspec.convert(wanted, EventFilter), after_seq)

    async def replay(self, wanted: dict[str, Any], after_seq: int) -> Step:
        """One step of a replay, from a store that holds everything up to `after_seq`."""
        return await self._lists.run(self._replay, msgspec.convert(wanted, Wanted), after_seq)

    def close(self) -> None:
        """Lets running queries go."""
        self._queries.close()
        self._lists.close()

    def _run_sql(self, query: str, after_seq: int, seconds: float, max_rows: int) -> SqlAnswer:
        self._loader.wait_for(after_seq, CATCH_UP_SECONDS)
        behind = max(0, after_seq - self._loader.cursor)
        self._audit.before(query)
        try:
            found = answer(self._store, query, seconds=seconds, max_rows=max_rows)
        except QueryFailedError as error:
            self._store.doubt(error.__context__ or error)
            raise
        return msgspec.structs.replace(found, behind=behind)

    def _replay(self, wanted: Wanted, after_seq: int) -> Step:
        self._loader.wait_for(after_seq, CATCH_UP_SECONDS)
        return self._replayer.step(wanted)

    def _list_events(self, wanted: EventFilter, after_seq: int) -> dict[str, Any]:
        self._loader.wait_for(after_seq, CATCH_UP_SECONDS)
        through = self._loader.cursor  # read before the page: what comes in between may be on it, nothing is missing
        return {**recent(self._store, wanted), "through": through}


class _Threads:
    """Threads for one kind of question, and how many of it may wait for one."""

    def __init__(self, name: str, most: int) -> None:
        self._threads = ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix=name)
        self._most = most
        self._waiting = 0

    async def run(self, work: Callable[..., Result], *args: Any) -> Result:
        """What it answers.

        Raises:
            QueryLimitError: too many are waiting.
        """
        if self._waiting >= self._most:
            raise QueryLimitError("too many queries at once", hint="wait for the others")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1
            end_if_used_up()

    def close(self) -> None:
        """Lets those that run go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
