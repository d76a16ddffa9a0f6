"""Where the sidecar listens: a TCP address, a Unix socket, and what must be true of them first."""

import contextlib
import errno
import ipaddress
import os
import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sidecar import private
from sidecar.errors import StartError
from sidecar.front import certificate
from sidecar.paths import API
from sidecar.settings import Settings
from sidecar.wire import MAX_UNIX_PATH

PROBE_SECONDS = 1.0
BACKLOG = 128
"""Connections that wait to be taken in; all of them are at once, while everyone else waits."""
ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104  to recognise them
INSECURE_FLAG = "--insecure-allow-anyone-on-the-network"


def check(settings: Settings, *, anyone: bool) -> None:
    """Whether these settings may listen.

    Args:
        settings: where, with which certificate, and who may send.
        anyone: the user said that anyone on the network may send, and read what is sent.

    Raises:
        StartError: nothing would listen, the certificate cannot be used, or others than this host would reach a
            sidecar that lets everyone send or speaks without encryption.
    """
    if not settings.tcp and not settings.uds:
        raise StartError("nothing to listen on", hint="--uds PATH, or TCP without --no-tcp")
    if settings.tls_cert or settings.tls_key:
        certificate.check(settings.tls_cert, settings.tls_key)
    if not settings.tcp or is_loopback(settings.host) or anyone:
        return
    needs = [] if settings.ingest == "token" else ["a token for sending (LEANVIBE_INGEST=token)"]
    needs += [] if settings.tls_cert else ["TLS (--tls-cert CERT --tls-key KEY)"]
    if needs:
        raise StartError(
            f"{settings.host} is not a loopback address: listening there needs {' and '.join(needs)}",
            hint=f"or, where everyone on that network may send events and read along: {INSECURE_FLAG}",
        )


def is_loopback(host: str) -> bool:
    """Whether only this host can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(settings: Settings, port: int) -> str:
    """What the commands ask: where every address is listened on, the first allowed name or loopback."""
    if not settings.tcp:
        return f"unix:{Path(settings.uds).absolute()}"
    host = settings.host
    if host in ANY:
        host = settings.allowed_hosts[0] if settings.allowed_hosts else "127.0.0.1"
    return _url("https" if settings.tls_cert else "http", host, port)


def address_of(settings: Settings, url: str) -> dict[str, Any]:
    """What another sidecar must be told to listen at the same places, with paths that mean the same from anywhere.

    Args:
        settings: of the one that listens.
        url: its own, with the port that it got.
    """
    paths = {"uds": settings.uds, "tls_cert": settings.tls_cert, "tls_key": settings.tls_key}
    port = urlsplit(url).port if settings.tcp else None
    named = {name: str(Path(path).absolute()) for name, path in paths.items() if path}
    return {"url": url, "host": settings.host, "port": port or settings.port, "tcp": settings.tcp, **named}


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


@contextlib.contextmanager
def bound_unix(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket of mode 0600, whose file is removed afterwards.

    Raises:
        StartError: what lies there is no socket of ours, somebody listens on it, or the path cannot be used.
    """
    path = path.absolute()
    if len(os.fsencode(path)) > MAX_UNIX_PATH:
        raise StartError(f"{path} is too long for a socket", hint=f"at most {MAX_UNIX_PATH} bytes")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        private.check_parents(path)
        _make_way(path)
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen(BACKLOG)
        own = path.lstat().st_ino
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {path}: {error.strerror or error}", hint="choose with --uds") from None
    with listener:
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                if path.lstat().st_ino == own:
                    path.unlink()


def _make_way(path: Path) -> None:
    """Removes a socket of ours that nobody listens on any more."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise private.UnsafeError("what lies there is no socket of ours")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise private.UnsafeError("another program listens there")


def _holder(host: str, port: int) -> str:
    """Who answers on a taken port."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{_url('http', host, port)}{API}/health"
    try:
        with opener.open(url, timeout=PROBE_SECONDS) as answer:
            facts: dict[str, Any] = msgspec.json.decode(answer.read(65_536))
        if facts.get("service") == "leanvibe-sidecar":
            told = f" (pid {facts['pid']}, version {facts.get('version')})" if "pid" in facts else ""
            return f"another leanvibe-sidecar{told}"
    except (OSError, ValueError, AttributeError):
        pass
    return "another program"


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
