"""Puts the front together: parts, routes and guards, in the order of their life."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Litestar, Request
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from sidecar.errors import AuditError, IngestError
from sidecar.front.acknowledge import Acknowledger
from sidecar.front.admission import BodyAdmission
from sidecar.front.auditor import Auditor
from sidecar.front.connections import ConnectionLimits, Connections
from sidecar.front.document_route import document_route
from sidecar.front.gather import Gatherer
from sidecar.front.health import health_answer
from sidecar.front.keys import Keys, Purpose
from sidecar.front.live.hub import LiveHub
from sidecar.front.live.websocket import live_route
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.open_files import connections_within
from sidecar.front.page.codes import OneTimeCodes
from sidecar.front.page.files import page_files
from sidecar.front.page.routes import access_routes, facts_route, file_route, link_path
from sidecar.front.processor import HookEventProcessor
from sidecar.front.receive.access import AccessGuard
from sidecar.front.receive.framework_errors import audit_error, http_error, ingest_error
from sidecar.front.receive.guards import AccessPolicy, access_policy, may_read
from sidecar.front.receive.guide_route import Limits, guide_route
from sidecar.front.receive.native import NativeHooks
from sidecar.front.receive.read_routes import read_routes
from sidecar.front.receive.replay_route import replay_route
from sidecar.front.rotation import rotate_route
from sidecar.front.status_routes import status_routes
from sidecar.front.tasks import Tasks
from sidecar.front.worker_link import WorkerLink
from sidecar.journal import JournalWriter
from sidecar.redact import PIIRedactor
from sidecar.settings import Settings


@dataclass(frozen=True, slots=True)
class Front:
    """The running parts, for whoever started them to stop."""

    asgi: AccessGuard
    worker: WorkerLink
    processor: HookEventProcessor
    journal: JournalWriter
    codes: OneTimeCodes
    auditor: Auditor
    connections: Connections
    tasks: Tasks

    def page_link(self) -> str:
        """Path and query that open the page once."""
        return link_path(self.codes)

    async def close(self) -> None:
        """Stops in the order of the flow: what waits is committed, then the worker flushes."""
        self.processor.close()
        self.journal.close()
        await self.worker.stop()
        self.auditor.close()


def build(settings: Settings, keys: Keys, auditor: Auditor, journal: JournalWriter, redactor: PIIRedactor) -> Front:
    """Wires the parts; must be called on the running event loop. Nothing is started yet."""
    monitor = PerformanceMonitor()
    hub = LiveHub()
    codes = OneTimeCodes()
    acknowledger = Acknowledger(journal, hub.publish)
    processor = HookEventProcessor(redactor, acknowledger, monitor, settings.host_name, hub.alert)
    tasks = Tasks()
    worker = WorkerLink(settings, journal.trim, tasks)

    def health() -> dict[str, object]:
        told = {"audit": auditor.trouble, "tasks": tasks.trouble}
        return health_answer(monitor.snapshot(), journal, worker, hub.clients, redactor.engine, told)

    connections = Connections(connection_limits(settings))
    gatherer = Gatherer(settings, monitor, processor.stages, journal, worker, hub, connections, tasks)
    worker.tell(gatherer.own)

    def current_policy() -> AccessPolicy:
        closed = settings.metrics == "token"
        return access_policy(settings.host, settings.allowed_hosts, keys.reading, keys.ingest, closed=closed)

    def tells_all(request: Request[Any, Any, Any]) -> bool:
        return not guard.policy.closed or may_read(guard.policy, dict(request.scope["headers"]))

    async def changed(tokens: list[Purpose]) -> None:
        guard.policy = current_policy()
        if "reading" in tokens:
            codes.clear()
            await guard.end_sockets("the token was changed")

    routes: list[ControllerRouterHandler] = [
        guide_route(processor, body_limits(settings)),
        *read_routes(worker, acknowledger, auditor, settings.sql_timeout_seconds, settings.sql_max_rows),
        replay_route(worker, acknowledger, auditor),
        *status_routes(monitor, processor.stages, health, gatherer.all, tells_all),
        live_route(hub, worker.ask, lambda: acknowledger.last_seq, settings.max_live_clients),
        file_route(page_files()),
        *access_routes(keys, codes, auditor),
        rotate_route(keys, auditor, changed),
        facts_route(settings),
        document_route(),
    ]
    hooks = NativeHooks(application(routes), processor, settings.max_body_bytes)
    admitted = BodyAdmission(hooks, settings.max_buffered_mb << 20, connections.turned_away)
    guard = AccessGuard(admitted, current_policy(), auditor)
    return Front(guard, worker, processor, journal, codes, auditor, connections, tasks)


def application(routes: Sequence[ControllerRouterHandler]) -> Litestar:
    """The framework around these routes, which tells nothing in words of its own."""
    return Litestar(
        routes,
        openapi_config=None,  # ours says every answer; the framework's only what it sees
        logging_config=None,
        exception_handlers={HTTPException: http_error, AuditError: audit_error, IngestError: ingest_error},
    )


def body_limits(settings: Settings) -> Limits:
    """What a body in the guide's format may have, and when its answer warns."""
    return Limits(
        settings.max_body_bytes,
        settings.max_batch_bytes,
        settings.slow_tool_threshold,
        settings.large_result_threshold,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """What the settings let connections do, within what the system lets us."""
    return ConnectionLimits(
        connections_within(settings.max_connections),
        settings.max_busy_connections,
        settings.max_connection_requests_per_second,
        settings.max_requests_per_second,
        settings.slow_client_seconds,
    )
