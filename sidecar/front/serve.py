"""Runs the front until it is told to stop: directory, port, server, and the orderly end."""

import asyncio
import contextlib
import ctypes
import errno
import functools
import gc
import ipaddress
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from sidecar import __version__, log
from sidecar.audit.trail import AuditTrail
from sidecar.errors import StartError
from sidecar.front import data_dir, memory, recording
from sidecar.front.app import build
from sidecar.front.auditor import Auditor
from sidecar.front.connections import Connections
from sidecar.front.hook_protocol import HookProtocol
from sidecar.front.keys import Keys
from sidecar.front.live.protocol import FeedProtocol
from sidecar.front.on_record import own_process, started
from sidecar.front.open_files import raise_limit
from sidecar.front.redaction import redactor_of
from sidecar.front.spooled import keep_taking_in
from sidecar.journal import JournalWriter
from sidecar.journal.schema import FILE_NAME as JOURNAL_FILE
from sidecar.settings import Settings

KEEP_ALIVE_SECONDS = 600
"""Long, because a connection that closes just as the agent posts costs the user an error line."""
GRACE_SECONDS = 3
SWITCH_SECONDS = 0.0005
"""How long a thread that redacts a large body may keep the interpreter from the event loop (Python's own: 0.005)."""
PROBE_SECONDS = 1.0
BACKLOG = 128
"""Connections that wait to be taken in; all of them are at once, while everyone else waits."""
YOUNG_OBJECTS = 20_000
"""Between two looks of the collector: far more than events under way hold, which leave nothing for it to find."""
WEBSOCKET_MESSAGE_BYTES = 64 * 1024

Announce = Callable[[str, str], None]


def serve(settings: Settings, announce: Announce, profile: Path | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then flushes and returns; a second signal ends at once.

    Args:
        settings: everything that can be set.
        announce: told the URL, and a link that opens the page once, when requests are taken.
        profile: gets a recording of where time goes; None for none.

    Raises:
        StartError: port or data directory cannot be had; says who has them.
        JournalError: the journal cannot be opened.
    """
    os.umask(0o077)
    log.configure(settings.log_level)
    raise_limit()
    memory.prefer_to_give_back()
    sys.setswitchinterval(SWITCH_SECONDS)
    _refuse_beyond_loopback(settings.host)
    if profile:
        recording.check(profile)
    listener = bind(settings.host, settings.port)
    with contextlib.closing(listener):
        data_dir.prepare(settings.data_dir)
        with data_dir.held(settings.data_dir):
            _run(_serve(settings, listener, announce, profile))


async def _serve(settings: Settings, listener: socket.socket, announce: Announce, profile: Path | None) -> None:
    redactor = redactor_of(settings)
    data_dir.note_policy(settings.data_dir, settings.redaction_policy)
    journal = JournalWriter(settings.data_dir / JOURNAL_FILE, settings.journal_max_mb << 20)
    keys = Keys(settings.data_dir, ingest=settings.ingest == "token")
    auditor = Auditor(AuditTrail(settings.data_dir), redactor)
    front = build(settings, keys, auditor, journal, redactor)
    started(auditor, settings)
    server = _Server(_config(front.asgi, front.connections))
    _stop_on_signals(server)
    url = _url(settings.host, listener.getsockname()[1])
    data_dir.announce(settings.data_dir, url=url, version=__version__, ingest=settings.ingest)
    front.worker.start()
    spooled = asyncio.create_task(keep_taking_in(settings.data_dir, front.processor))
    _settle()
    announce(url, url + front.page_link())
    try:
        async with recording.recorded(profile):
            await server.serve(sockets=[listener])
    finally:
        spooled.cancel()
        data_dir.withdraw(settings.data_dir)
        auditor.record("stop", own_process())
        await front.close()


class _Server(uvicorn.Server):
    """uvicorn, but signals are ours: its own handling would end the process before the worker has flushed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


def _stop_on_signals(server: uvicorn.Server) -> None:
    """The first SIGTERM or SIGINT stops in order, a second one ends at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if server.should_exit:
            os._exit(1)
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _refuse_beyond_loopback(host: str) -> None:
    """Ingest needs no token yet, so nobody but this host may reach it."""
    if host != "localhost" and not _is_loopback(host):
        raise StartError(
            f"{host} is not a loopback address, and sending events needs no token",
            hint="listen on 127.0.0.1; for other hosts put a proxy with TLS and authentication before it",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        StartError: the port is taken (says by which sidecar, if it is one) or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # from now on a client waits instead of being refused
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise StartError(
                f"port {port} on {host} is taken by {_holder(host, port)}",
                hint="stop it, or choose another: leanvibe serve --port PORT --data-dir DIR",
            ) from None
        raise StartError(f"cannot listen on {host}:{port}: {error}", hint="choose with --host and --port") from None
    return listener


def _holder(host: str, port: int) -> str:
    """Who answers on a taken port."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{_url(host, port)}/api/v1/observability/health"
    try:
        with opener.open(url, timeout=PROBE_SECONDS) as answer:
            facts: dict[str, Any] = msgspec.json.decode(answer.read(65_536))
        if facts.get("service") == "leanvibe-sidecar":
            return f"another leanvibe-sidecar (pid {facts.get('pid')}, version {facts.get('version')})"
    except (OSError, ValueError, AttributeError):
        pass
    return "another program"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(app: Any, connections: Connections) -> uvicorn.Config:
    http: Any = functools.partial(HookProtocol, connections=connections)
    return uvicorn.Config(
        app,
        http=http,
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
    """What was loaded to start lives until the end: the collector need not look at it again.

    What compiling the rules has left goes back to the system, where the C library can be told so (glibc).
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
