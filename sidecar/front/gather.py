"""Brings the metrics together: the front's own, and what the worker counts from events."""

import time
from dataclasses import dataclass, field

import msgspec

from sidecar.errors import LeanvibeError
from sidecar.front.connections import Connections
from sidecar.front.footprint import footprint_of
from sidecar.front.live.hub import LiveHub
from sidecar.front.metrics import Facts, own_metrics
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.stages import Stages
from sidecar.front.tasks import Tasks
from sidecar.front.worker_link import WorkerLink
from sidecar.journal import JournalWriter
from sidecar.otel.metric_model import Metric
from sidecar.settings import Settings

ASK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Reads the parts at the moment that somebody asks.

    Args:
        settings: where the data is.
        monitor: what was received.
        stages: where its time went.
        journal: what is durable.
        worker: what became of it.
        hub: who watches.
        connections: who is connected, and who was sent away.
        tasks: what had to be begun again.
        since: when this process began.
    """

    settings: Settings
    monitor: PerformanceMonitor
    stages: Stages
    journal: JournalWriter
    worker: WorkerLink
    hub: LiveHub
    connections: Connections
    tasks: Tasks
    since: float = field(default_factory=time.time)

    def own(self) -> list[Metric]:
        """The sidecar's own metrics as of now."""
        facts = Facts(
            now=time.time(),
            since=self.since,
            performance=self.monitor.snapshot(),
            totals=self.monitor.totals,
            stages=self.stages.totals(),
            last_seq=self.journal.last_seq,
            progress=self.worker.progress,
            worker_starts=self.worker.starts,
            live_clients=self.hub.clients,
            connections=len(self.connections),
            turned_away=dict(self.connections.turned_away),
            task_failures=dict(self.tasks.failures),
            footprint=footprint_of(self.settings.data_dir),
            journal_lost=self.journal.lost,
        )
        return own_metrics(facts)

    async def all(self) -> list[Metric]:
        """Every metric; without those of agents while the worker does not answer."""
        try:
            counted = await self.worker.ask("metrics", {}, ASK_SECONDS)
        except LeanvibeError:
            return self.own()
        return [*self.own(), *msgspec.json.decode(counted, type=list[Metric])]
