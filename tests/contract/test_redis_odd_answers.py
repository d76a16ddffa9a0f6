"""The Redis sink against a server that is none, or answers what nobody asked."""

import contextlib
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import cast

import hiredis
import pytest

from exporters.redis_streams import RedisStreamsConfig, RedisStreamsExporter
from sidecar.errors import TransientExportError
from tests.recorded_events import recorded_events

TAKEN_AT_MOST = 64 * 2**20
"""Bytes, those under way in the buffers of both ends included."""


class _Talker:
    """Says `first`, then `more` again and again, to whoever connects, up to `TAKEN_AT_MOST` bytes."""

    def __init__(self, listener: socket.socket, first: bytes, more: bytes) -> None:
        self.url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        self.said = 0
        self._listener, self._first, self._more = listener, first, more
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(self._first)
            while self._more and self.said < TAKEN_AT_MOST:
                connection.sendall(self._more)
                self.said += len(self._more)
            connection.recv(65_536)


@contextlib.contextmanager
def talking(first: bytes, more: bytes = b"") -> Iterator[_Talker]:
    """One that talks to one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        talker = _Talker(listener, first, more)
        yield talker
        talker.thread.join()


@pytest.mark.parametrize(
    ("first", "more"),
    [(b"$5000000000\r\n", b"x" * 65_536), (b"-ERR ", b"x" * 65_536), (b"+PONG\r\n", b":1\r\n" * 10_000)],
    ids=["text", "error", "answers"],
)
def test_an_answer_without_end_is_not_collected(first: bytes, more: bytes) -> None:
    """Whatever goes on and on is given up after some kilobytes, as no answer of a Redis."""
    with talking(first, more) as talker:
        exporter = RedisStreamsExporter(RedisStreamsConfig(talker.url, timeout=5.0))
        with contextlib.closing(exporter), pytest.raises(TransientExportError, match="not answer as Redis would"):
            exporter.export(recorded_events(1))
    assert talker.said < TAKEN_AT_MOST


def test_an_answer_too_many_is_no_answer_to_the_next_command() -> None:
    """More answers than commands end the connection: an event is delivered when Redis has said so of it."""
    with talking(b"+PONG\r\n*0\r\n+OK\r\n+OK\r\n") as talker:
        exporter = RedisStreamsExporter(RedisStreamsConfig(talker.url, timeout=5.0))
        with contextlib.closing(exporter), pytest.raises(TransientExportError, match="not answer as Redis would"):
            exporter.export(recorded_events(1))


def test_a_connection_that_fails_after_its_login_is_closed() -> None:
    """Whatever fails while a connection is made ready, its socket does not stay open until somebody collects it."""
    with talking(b"+PONG\r\n", b"") as talker:
        exporter = RedisStreamsExporter(RedisStreamsConfig(talker.url, timeout=0.3))
        with contextlib.closing(exporter), pytest.raises(TransientExportError):
            exporter.export(recorded_events(1))
        gc.collect()  # a socket that is still open is an error here


@contextlib.contextmanager
def answering(answer: Callable[[list[bytes]], bytes]) -> Iterator[str]:
    """The URL of one that answers each command of one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_all, args=(listener, answer), daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def _answer_all(listener: socket.socket, answer: Callable[[list[bytes]], bytes]) -> None:
    connection, _ = listener.accept()
    commands = hiredis.Reader()
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(65_536):
            commands.feed(data)
            while (command := commands.gets()) is not False:
                connection.sendall(answer(cast("list[bytes]", command)))


def quota(command: list[bytes]) -> bytes:
    """A service whose quota is used up, in the words of one; it lets everybody in."""
    return b"-ERR max daily request limit exceeded. Limit: 10000\r\n" if command[0] == b"XADD" else b"+OK\r\n"


def picky(command: list[bytes]) -> bytes:
    """A Redis that does not like any entry, and says so; a command without one it takes for unfinished."""
    if command[0] != b"XADD":
        return b"+OK\r\n"
    said = b"Elements are too large to be stored" if len(command) > 3 else b"wrong number of arguments"
    return b"-ERR " + said + b"\r\n"


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_said_to_every_command_condemns_no_event(count: int) -> None:
    """Events wait, one as well as many, while everything is refused with an error that a server gives for entries."""
    with (
        answering(quota) as url,
        contextlib.closing(RedisStreamsExporter(RedisStreamsConfig(url))) as exporter,
        pytest.raises(TransientExportError, match="max daily request limit exceeded"),
    ):
        exporter.export(recorded_events(count))


def test_a_lone_event_that_is_refused_for_itself_is_rejected() -> None:
    """What is said of the entry, and not of a command without one, is about the event."""
    with answering(picky) as url, contextlib.closing(RedisStreamsExporter(RedisStreamsConfig(url))) as exporter:
        (rejection,) = exporter.export(recorded_events(1)).rejected

    assert "Redis: Elements are too large to be stored" == rejection.reason
