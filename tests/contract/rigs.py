"""What the contract suite needs to know of a sink: how to build it, break it and read back what it got."""

from collections.abc import Callable
from dataclasses import dataclass

from exporters import Exporter
from exporters.postgres import schema
from exporters.registry import EXPORTERS
from sidecar.events import HookEvent
from tests.delivered import stream, table
from tests.servers import Server

SHORT = 0.5
"""Seconds."""


@dataclass(frozen=True)
class Rig:
    """One sink on its real server.

    Args:
        server: to stop, kill and start.
        url: of an empty backend on it.
        build: makes an exporter for a URL.
        impatient: makes one that waits for half a second only.
        delivered: the event ids that the backend holds, in its order.
        keyed: whether the backend itself drops an event that it has.
    """

    server: Server
    url: str
    build: Callable[[str], Exporter[HookEvent]]
    impatient: Callable[[str], Exporter[HookEvent]]
    delivered: Callable[[], list[str]]
    keyed: bool

    def exporter(self) -> Exporter[HookEvent]:
        """An exporter for the backend."""
        return self.build(self.url)


def redis_rig(server: Server, url: str) -> Rig:
    """The Redis sink."""

    def delivered() -> list[str]:
        return [fields["event_id"] for fields in stream(url)]

    def build(url: str, timeout: float = 2.0) -> Exporter[HookEvent]:
        return EXPORTERS["redis"](url=url, timeout=timeout)

    return Rig(server, url, build, lambda url: build(url, SHORT), delivered, keyed=False)


def postgres_rig(server: Server, dsn: str) -> Rig:
    """The PostgreSQL sink; its table is made here, since a start takes half a second for that."""
    schema.upgrade(dsn)

    def delivered() -> list[str]:
        return [row["event_id"] for row in table(dsn)]

    def build(dsn: str, statement_timeout: float = 30.0) -> Exporter[HookEvent]:
        return EXPORTERS["postgres"](dsn=dsn, connect_timeout=2.0, statement_timeout=statement_timeout)

    return Rig(server, dsn, build, lambda dsn: build(dsn, SHORT), delivered, keyed=True)
