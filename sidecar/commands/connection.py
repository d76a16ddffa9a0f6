"""One HTTP request to a sidecar, by TCP, TLS or a Unix socket: never by a proxy, never to where it is redirected."""

import contextlib
import http.client
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from sidecar import trust

UNIX = "unix:"
MAX_ANSWER = 256 * 1024 * 1024


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket.

    Args:
        path: the socket's file.
        timeout: seconds.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connects to the file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(base: str, ca: str, seconds: float) -> http.client.HTTPConnection:
    """A connection that is made with the first request.

    Args:
        base: `http://…`, `https://…` or `unix:PATH`.
        ca: a PEM file that is trusted besides the system's authorities; empty for none.
        seconds: how long connecting, and each read, may take.

    Raises:
        OSError: the file of certificates cannot be used.
        ValueError: the URL cannot be understood.
    """
    if base.startswith(UNIX):
        return UnixConnection(base.removeprefix(UNIX), seconds)
    parts = urlsplit(base)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=seconds, context=trust.context(ca)
        )
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)


def exchange(
    made: http.client.HTTPConnection, path: str, body: bytes | None, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """Status and body of the answer to a POST of `body`, or a GET without one.

    Raises:
        OSError, http.client.HTTPException: there was none.
    """
    with contextlib.closing(made):
        made.request("GET" if body is None else "POST", path, body, dict(headers))
        answer = made.getresponse()
        return answer.status, answer.read(MAX_ANSWER)
