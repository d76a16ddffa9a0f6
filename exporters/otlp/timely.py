"""Connections on which a whole answer has one timeout, head included, however slowly it drips."""

import http.client
import io
import socket
import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _Until(io.RawIOBase):
    """Reads a socket until a moment.

    Args:
        raw: what reads the socket.
        connected: the socket; its timeout holds for each wait.
    """

    def __init__(self, raw: io.RawIOBase, connected: socket.socket) -> None:
        self._raw = raw
        self._socket = connected
        self._timeout = connected.gettimeout()
        self._deadline = time.monotonic() + (float("inf") if self._timeout is None else self._timeout)

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """As of the socket; raises `TimeoutError` once all of the answer took too long."""
        if self._timeout is None:
            return self._raw.readinto(buffer)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._socket.settimeout(self._timeout)

    def close(self) -> None:
        """Releases the socket."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), sock))


class _Plain(HTTPConnection):
    response_class = _Answer


class _Secure(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


def timely(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """The same manager, with such connections from now on."""
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    return manager
