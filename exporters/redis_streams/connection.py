"""A connection to Redis that does what this sink needs: log in, send many commands, read their answers.

The protocol itself (https://redis.io/docs/latest/develop/reference/protocol-spec/) is hiredis', which is Redis' own.
Around it a general client would take 22 MB of memory and half of this sink's CPU.
"""

import contextlib
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Self

import hiredis

from exporters.redis_streams.place import Place

READ_BYTES = 65_536
ANSWER_BYTES = 4096
"""Of one answer, of which errors are the longest; one read's bytes come on top. What goes on and on is no Redis, and
would be kept until it ends."""
PATIENCE_FACTOR = 6
"""All answers of one round trip come within so many timeouts, however slowly they drip."""

Argument = str | bytes | int


class RedisConnection:
    """One socket. After any exception but an answer of Redis it is of no use any more.

    Args:
        connected: speaks Redis at its other end.
        timeout: seconds for each wait.
    """

    def __init__(self, connected: socket.socket, timeout: float) -> None:
        self._socket = connected
        self._timeout = timeout
        self._reader = hiredis.Reader()

    @classmethod
    def reach(cls, place: Place, timeout: float) -> Self:
        """Connects and logs in.

        Raises:
            OSError: nobody is there, or TLS does not come about.
            UnicodeError: the host can be no name.
            hiredis.ReplyError: Redis refuses login or database.
            hiredis.ProtocolError: it is no Redis.
        """
        connection = cls(_connected(place, timeout), timeout)
        try:
            if place.login:
                connection.call("AUTH", *place.login)
            if place.database:
                connection.call("SELECT", place.database)
            with contextlib.suppress(NoRightError):  # a user with XADD only is enough
                connection.call("PING")
        except BaseException:
            connection.close()
            raise
        return connection

    def call(self, *command: Argument) -> object:
        """The answer to one command.

        Raises:
            NoRightError: the user may not do that.
            hiredis.ReplyError, hiredis.ProtocolError, OSError: as `send`, with an error of Redis raised.
        """
        (answer,) = self.send([command], 1)
        if isinstance(answer, hiredis.ReplyError):
            raise NoRightError(*answer.args) if str(answer).startswith("NOPERM") else answer
        return answer

    def send(self, commands: Iterable[Sequence[Argument]], count: int) -> list[object]:
        """The answers to `count` commands, which go out together; a refused one has a `hiredis.ReplyError`.

        Raises:
            OSError: the connection broke, or there was no answer in time.
            hiredis.ProtocolError: what came is no answer of a Redis, or more than was asked for.
        """
        packed = (hiredis.pack_command(tuple(command)) for command in commands)  # type: ignore[arg-type]
        self._socket.sendall(b"".join(packed))
        give_up_at = time.monotonic() + self._timeout * PATIENCE_FACTOR
        answers: list[object] = []
        left = READ_BYTES + count * ANSWER_BYTES
        while True:
            while len(answers) < count and (answer := self._reader.gets()) is not False:
                answers.append(answer)
            if len(answers) == count:
                return self._if_all(answers)
            if time.monotonic() > give_up_at:
                raise TimeoutError
            left -= self._receive()
            if left < 0:
                raise hiredis.ProtocolError("an answer without end")

    def close(self) -> None:
        """Ends it. Safe to call twice."""
        self._socket.close()

    def _if_all(self, answers: list[object]) -> list[object]:
        """Answers to what was never asked would be taken for those to the next commands."""
        if self._reader.has_data():
            raise hiredis.ProtocolError("more answers than commands")
        return answers

    def _receive(self) -> int:
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError("closed")
        self._reader.feed(data)
        return len(data)


class NoRightError(hiredis.ReplyError):
    """The user may not run a command."""


def _connected(place: Place, timeout: float) -> socket.socket:
    if place.path:
        file = socket.socket(socket.AF_UNIX)
        file.settimeout(timeout)
        try:
            file.connect(place.path)
        except BaseException:
            file.close()
            raise
        return file
    plain = socket.create_connection((place.host, place.port), timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return place.tls.wrap_socket(plain, server_hostname=place.host) if place.tls else plain
