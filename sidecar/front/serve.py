"""Runs the front until it is told to stop: directory, port, server, and the orderly end."""

import asyncio
import contextlib
import functools
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from sidecar import __version__, log
from sidecar.audit.trail import AuditTrail
from sidecar.front import data_dir, listen, memory, recording
from sidecar.front.app import Front, build
from sidecar.front.auditor import Auditor
from sidecar.front.connections import KEEP_ALIVE_SECONDS
from sidecar.front.hook_protocol import HookProtocol
from sidecar.front.keys import Keys
from sidecar.front.listen import BACKLOG
from sidecar.front.live.protocol import FeedProtocol
from sidecar.front.on_record import own_process, started
from sidecar.front.open_files import raise_limit
from sidecar.front.redaction import redactor_of
from sidecar.front.spooled import SpoolIntake
from sidecar.journal import JournalWriter
from sidecar.journal.schema import FILE_NAME as JOURNAL_FILE
from sidecar.settings import Settings

GRACE_SECONDS = 3
SWITCH_SECONDS = 0.0005
"""How long a thread that redacts a large body may keep the interpreter from the event loop (Python's own: 0.005)."""
YOUNG_OBJECTS = 20_000
"""Between two looks of the collector: far more than events under way hold, which leave nothing for it to find."""
WEBSOCKET_MESSAGE_BYTES = 64 * 1024

Announce = Callable[[str, str], None]


class Sockets(NamedTuple):
    """What is listened on: at least one of them."""

    tcp: socket.socket | None
    unix: socket.socket | None


def serve(settings: Settings, announce: Announce, profile: Path | None = None, *, anyone: bool = False) -> None:
    """Serves until SIGTERM or SIGINT, then flushes and returns; a second signal ends at once.

    Args:
        settings: everything that can be set.
        announce: told the URL, and a link that opens the page once, when requests are taken.
        profile: gets a recording of where time goes; None for none.
        anyone: beyond loopback neither tokens nor TLS are asked for.

    Raises:
        StartError: port or data directory cannot be had; says who has them.
        JournalError: the journal cannot be opened.
    """
    os.umask(0o077)
    log.configure(settings.log_level)
    raise_limit()
    memory.prefer_to_give_back()
    sys.setswitchinterval(SWITCH_SECONDS)
    listen.check(settings, anyone=anyone)
    if profile:
        recording.check(profile)
    with contextlib.ExitStack() as open_sockets:
        tcp = open_sockets.enter_context(listen.bind(settings.host, settings.port)) if settings.tcp else None
        data_dir.prepare(settings.data_dir)
        open_sockets.enter_context(data_dir.held(settings.data_dir))
        unix = open_sockets.enter_context(listen.bound_unix(Path(settings.uds))) if settings.uds else None
        _run(_serve(settings, Sockets(tcp, unix), announce, profile))


async def _serve(settings: Settings, sockets: Sockets, announce: Announce, profile: Path | None) -> None:
    redactor = redactor_of(settings)
    data_dir.note_policy(settings.data_dir, settings.redaction_policy)
    journal = JournalWriter(settings.data_dir / JOURNAL_FILE, settings.journal_max_mb << 20)
    keys = Keys(settings.data_dir, ingest=settings.ingest == "token")
    auditor = Auditor(AuditTrail(settings.data_dir), redactor)
    front = build(settings, keys, auditor, journal, redactor)
    started(auditor, settings)
    server = _Server(_config(front, settings), sockets.unix)
    _stop_on_signals(server)
    url = listen.url_of(settings, sockets.tcp.getsockname()[1] if sockets.tcp else 0)
    data_dir.note_address(settings.data_dir, **listen.address_of(settings, url))
    data_dir.announce(settings.data_dir, url=url, version=__version__, ingest=settings.ingest, **_ways(settings))
    front.worker.start()
    front.tasks.begin("spool", SpoolIntake(settings.data_dir, front.processor).keep_looking)
    front.tasks.begin("memory", memory.give_back_after_bursts)
    _settle()
    announce(url, url + front.page_link())
    try:
        async with recording.recorded(profile):
            await server.serve(sockets=[sockets.tcp] if sockets.tcp else [])
    finally:
        await front.tasks.end()
        data_dir.withdraw(settings.data_dir)
        auditor.record("stop", own_process())
        await front.close()


def _ways(settings: Settings) -> dict[str, str]:
    """What else a client on this host must know to reach it."""
    ca = str(Path(settings.tls_cert).absolute()) if settings.tls_cert else ""
    uds = str(Path(settings.uds).absolute()) if settings.uds else ""
    return {name: value for name, value in (("ca", ca), ("uds", uds)) if value}


class _Server(uvicorn.Server):
    """uvicorn, but signals are ours: its own handling would end the process before the worker has flushed.

    Args:
        config: uvicorn's.
        unix: a socket that is listened on besides, never with TLS: it is its owner's alone.
    """

    def __init__(self, config: uvicorn.Config, unix: socket.socket | None) -> None:
        super().__init__(config)
        self._unix = unix
        self._told_to_stop = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets=sockets)
        if self._unix:
            loop = asyncio.get_running_loop()
            self.servers.append(await loop.create_unix_server(self._connection, sock=self._unix, backlog=BACKLOG))

    async def main_loop(self) -> None:
        """Waits to be told; uvicorn's own looks ten times a second."""
        await self._told_to_stop.wait()

    def stop(self) -> None:
        """Ends the serving in order; a second time ends the process at once."""
        if self.should_exit:
            os._exit(1)
        self.should_exit = True
        self._told_to_stop.set()

    def _connection(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


def _stop_on_signals(server: _Server) -> None:
    """The first SIGTERM or SIGINT stops in order, a second one ends at once."""
    loop = asyncio.get_running_loop()

    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # blocked ones are inherited: no order, and no child's end, came
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)


def _config(front: Front, settings: Settings) -> uvicorn.Config:
    http: Any = functools.partial(HookProtocol, connections=front.connections, heads=front.asgi.heads)
    return uvicorn.Config(
        front.asgi,
        http=http,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        ws=FeedProtocol,
        ws_max_size=WEBSOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _run(main: Any) -> None:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows
        return asyncio.new_event_loop
    return new_event_loop


def _settle() -> None:
    """What was loaded to start lives until the end: the collector need not look at it again."""
    gc.collect()
    memory.give_back()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
