"""Laws of a WebSocket client that breaks the protocol: its connection ends, everyone else is served."""

import base64
import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ingest import EVENT
from tests.sidecar_process import LIVE, Sidecar, running_sidecar
from tests.waiting import PATIENCE, until

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MOST = 4


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with running_sidecar({"LEANVIBE_MAX_LIVE_CLIENTS": str(MOST)}) as sidecar:
        yield sidecar


def handshake(sidecar: Sidecar, *lines: str, path: str = LIVE) -> bytes:
    """A request to become a WebSocket, with more header lines, which come first."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = [f"GET {path} HTTP/1.1", *lines, "Host: localhost", f"Authorization: Bearer {sidecar.token}"]
    head += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    return "\r\n".join([*head, "", ""]).encode()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, length: int = -1) -> bytes:
    """One frame (RFC 6455, 5.2); `length` lies about the payload's."""
    size = len(payload) if length < 0 else length
    extended = b"" if size < 126 else struct.pack("!H", size) if size < 65536 else struct.pack("!Q", size)
    short = size if size < 126 else 126 if size < 65536 else 127
    head = bytes((fin << 7 | opcode, masked << 7 | short)) + extended
    return head + (bytes(4) if masked else b"") + payload


@contextlib.contextmanager
def tapped(sidecar: Sidecar) -> Iterator[socket.socket]:
    """A connection that has become a WebSocket."""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as one:
        one.sendall(handshake(sidecar))
        assert one.recv(65536).startswith(b"HTTP/1.1 101")
        yield one


def ends(one: socket.socket) -> bool:
    """Reads until the other side has ended the connection."""
    with contextlib.suppress(ConnectionError):
        while one.recv(1 << 20):
            pass
    return True


def others_are_served(sidecar: Sidecar) -> None:
    """An event is taken and another client hears of it."""
    until(lambda: clients(sidecar) < MOST, "there is room for one more", sidecar.output)
    with sidecar.live() as other:
        until(lambda: clients(sidecar) > 0, "it is subscribed", sidecar.output)
        assert 204 == sidecar.post_native(EVENT).status_code
        assert '"events"' in str(other.recv(PATIENCE))


def clients(sidecar: Sidecar) -> int:
    return int(sidecar.health()["components"]["live"]["clients"])


BROKEN = {
    "not masked": frame(TEXT, b"hello", masked=False),
    "too long": frame(TEXT, b"x" * 70_000),
    "said to be too long": frame(BINARY, b"x", length=2**62),
    "a length with the top bit": frame(TEXT, b"x", length=2**63),
    "a continuation of nothing": frame(CONT, b"x"),
    "a message inside a message": frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"),
    "a long ping": frame(PING, b"x" * 126),
    "a ping in pieces": frame(PING, b"x", fin=False),
    "an unknown opcode": frame(3, b"x"),
    "reserved bits": bytes((0xF1, 0x81, 0, 0, 0, 0, 0x78)),
    "a close of one byte": frame(CLOSE, b"x"),
    "a close with a code that is none": frame(CLOSE, struct.pack("!H", 5)),
    "many pieces, too long together": frame(TEXT, b"x" * 1000, fin=False) + frame(CONT, b"x" * 1000, fin=False) * 70,
    "no frames at all": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10,
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_frame_ends_the_connection(sidecar: Sidecar, case: str) -> None:
    """What is no frame of a client is answered by a close."""
    with tapped(sidecar) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(BROKEN[case])
        assert ends(one)
    others_are_served(sidecar)


@pytest.mark.parametrize(
    "said",
    [
        frame(TEXT, b"\xff\xfe"),
        frame(BINARY, os.urandom(60_000)),
        frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 20_000 + frame(CONT),
        frame(TEXT, b'{"subscribe": "all"}') * 2000,
        frame(PONG, b"unasked") * 2000,
        frame(PING, b"x") * 2000,
    ],
    ids=["no UTF-8", "binary", "20,000 empty pieces", "2,000 messages", "2,000 pongs", "2,000 pings"],
)
def test_what_clients_say_is_let_go(sidecar: Sidecar, said: bytes) -> None:
    """Messages of a client are read and forgotten, whatever they are; it goes on hearing events."""
    with tapped(sidecar) as one:
        one.sendall(said)
        others_are_served(sidecar)
        heard = b""
        while b'"events"' not in heard:
            piece = one.recv(1 << 20)
            assert piece
            heard = (heard + piece)[-(1 << 20) :]


def test_pings_of_one_that_never_reads_are_not_answered_without_end(sidecar: Sidecar) -> None:
    """Whoever sends pings and reads no pong is not read any more: no pongs pile up here."""
    with tapped(sidecar) as one:
        one.setblocking(False)
        flood = frame(PING, b"x" * 125) * 1000
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 1 << 28:
                sent += one.send(flood)
                others = sidecar.post_native(EVENT).status_code
                assert 204 == others
        assert sent < 1 << 28
        others_are_served(sidecar)


def test_half_closed_is_closed(sidecar: Sidecar) -> None:
    """A client that will say nothing more is not kept for ever."""
    with tapped(sidecar) as one:
        one.shutdown(socket.SHUT_WR)
        assert ends(one)
    others_are_served(sidecar)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Sec-WebSocket-Version: 99", b"400"),
        ("Sec-WebSocket-Key: short", b"400"),
        ("Origin: http://evil.example", b"403"),
        ("Host: evil.example", b"403"),
        ("Content-Length: 5", b"400"),
        ("Transfer-Encoding: chunked", b"400"),
    ],
)
def test_a_bad_handshake_is_refused(sidecar: Sidecar, line: str, status: bytes) -> None:
    """What is not a good question to become a WebSocket is answered so, and never opened."""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as one:
        request = handshake(sidecar, line)
        name = line.partition(":")[0].encode()
        rest = [other for other in request.split(b"\r\n")[2:] if not other.startswith(name + b":")]
        one.sendall(b"\r\n".join([*request.split(b"\r\n")[:2], *rest]))
        one.shutdown(socket.SHUT_WR)
        answer = one.recv(65536)
        assert answer.startswith(b"HTTP/1.1 " + status)
    others_are_served(sidecar)


@pytest.mark.parametrize(
    "line",
    [
        "POST {} HTTP/1.1\r\nContent-Length: 5",
        "GET {}?text=" + "a" * 9000 + " HTTP/1.1",
        "GET {} HTTP/1.1\r\nX: " + "b" * 9000,
    ],
)
def test_what_is_no_handshake_is_answered_and_gone(tmp_path: Path, line: str) -> None:
    """With a body, or more than a handshake has, it is a 4xx; the connection ends, and does not disturb a stop."""
    with running_sidecar(home=tmp_path) as sidecar:
        with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as one:
            one.sendall(handshake(sidecar).replace(f"GET {LIVE} HTTP/1.1".encode(), line.format(LIVE).encode()))
            assert one.recv(65536).startswith(b"HTTP/1.1 4")
            sidecar.stop()
        assert "Traceback" not in sidecar.output()


def test_more_clients_than_may_be_are_told(sidecar: Sidecar) -> None:
    """Beyond the bound a client is told to try again, with code 1013; those that are there stay."""
    with contextlib.ExitStack() as stack:
        until(lambda: 0 == clients(sidecar), "nobody is left", sidecar.output)
        for _ in range(MOST):
            stack.enter_context(tapped(sidecar))
        until(lambda: MOST == clients(sidecar), "all are there", sidecar.output)
        with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as one:
            one.sendall(handshake(sidecar))
            heard = b""
            with contextlib.suppress(ConnectionError):
                while piece := one.recv(65536):
                    heard += piece
            assert struct.pack("!H", 1013) in heard
        assert MOST == clients(sidecar)
    others_are_served(sidecar)


def test_nothing_of_it_is_a_traceback(sidecar: Sidecar) -> None:
    """A client's mistake is no error of ours."""
    assert "Traceback" not in sidecar.output()
