"""How a forwarder asks, and what it takes for an answer."""

import socket
import threading
import time
from pathlib import Path

import pytest

from sidecar import hook
from sidecar.delivery import Delivery

ASKED = b"POST /api/v1/hooks/claude-code HTTP/1.1"
SECONDS = 10.0


def answering(listener: socket.socket, lines: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection:
        lines.append(connection.recv(65_536).partition(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n" if lines == [ASKED] else b"HTTP/1.1 404 \r\n\r\n")


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_the_path_that_is_asked_is_no_part_of_the_sockets(tmp_path: Path, kind: str) -> None:
    """A sidecar is asked for the same path on its Unix socket as on its port."""
    listener = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    with listener:
        listener.bind(str(tmp_path / "own.sock") if kind == "unix" else ("127.0.0.1", 0))
        listener.listen()
        port = "" if kind == "unix" else listener.getsockname()[1]
        url = f"unix:{tmp_path / 'own.sock'}" if kind == "unix" else f"http://127.0.0.1:{port}"
        lines: list[bytes] = []
        thread = threading.Thread(target=answering, args=(listener, lines))
        thread.start()
        delivery = Delivery(b"{}", "Stop", "claude-code", "id", 1, tmp_path, url, "")
        taken = hook.delivered(delivery, time.monotonic() + SECONDS)
        thread.join()

    assert ([ASKED], True) == (lines, taken)
