"""Brings the metrics together: the front's own, and what the worker counts from events."""

import time

import msgspec

from sidecar.errors import LeanvibeError
from sidecar.front.footprint import footprint_of
from sidecar.front.live.hub import LiveHub
from sidecar.front.metrics import Facts, own_metrics
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.stages import Stages
from sidecar.front.worker_link import WorkerLink
from sidecar.journal import JournalWriter
from sidecar.otel.metric_model import Metric
from sidecar.settings import Settings

ASK_SECONDS = 1.0


class Gatherer:
    """Reads the parts at the moment that somebody asks.

    Args:
        settings: where the data is.
        monitor: what was received.
        stages: where its time went.
        journal: what is durable.
        worker: what became of it.
        hub: who watches.
    """

    def __init__(
        self,
        settings: Settings,
        monitor: PerformanceMonitor,
        stages: Stages,
        journal: JournalWriter,
        worker: WorkerLink,
        hub: LiveHub,
    ) -> None:
        self._data_dir = settings.data_dir
        self._monitor = monitor
        self._stages = stages
        self._journal = journal
        self._worker = worker
        self._hub = hub
        self._since = time.time()

    def own(self) -> list[Metric]:
        """The sidecar's own metrics as of now."""
        facts = Facts(
            now=time.time(),
            since=self._since,
            performance=self._monitor.snapshot(),
            totals=self._monitor.totals,
            stages=self._stages.totals(),
            last_seq=self._journal.last_seq,
            progress=self._worker.progress,
            worker_starts=self._worker.starts,
            live_clients=self._hub.clients,
            footprint=footprint_of(self._data_dir),
            journal_lost=self._journal.lost,
        )
        return own_metrics(facts)

    async def all(self) -> list[Metric]:
        """Every metric; without those of agents while the worker does not answer."""
        try:
            counted = await self._worker.ask("metrics", {}, ASK_SECONDS)
        except LeanvibeError:
            return self.own()
        return [*self.own(), *msgspec.json.decode(counted, type=list[Metric])]
