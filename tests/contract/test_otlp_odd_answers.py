"""The OTLP exporter against answers that no test server gives by itself."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from exporters.otlp import Identity, OtlpExporter, config_from_env
from sidecar.errors import TransientExportError
from sidecar.otel.model import Span
from tests.otlp_receiver import Answer, OtlpReceiver
from tests.tcp_proxy import HARD

PATIENCE = 30.0
"""Seconds that the exporter has for an exchange whose answer comes."""
IMPATIENCE = 0.5
"""Seconds that it has for one whose answer never ends."""
DRIPS = 200
DRIP_SECONDS = 0.05
SPAN = Span(
    trace_id=f"{1:032x}", span_id=f"{1:016x}", parent_span_id=None, name="x", start_ns=1, end_ns=2, attributes={}
)


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """The URL of a server that takes one connection, and says what `answer` writes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread.join()


def _serve(listener: socket.socket, answer: Callable[[socket.socket], object]) -> None:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(65_536)
        answer(connection)


def refused(url: str, match: str, patience: float = PATIENCE) -> None:
    """Exports a span, which must fail for now with that text."""
    config = config_from_env(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": f"{patience * 1000:.0f}"}
    )
    assert config is not None
    exporter = OtlpExporter(config, Identity("11111111-2222-3333-4444-555555555555", "test-host", "amd64", "linux"))
    exporter.start()
    with contextlib.closing(exporter), pytest.raises(TransientExportError, match=match):
        exporter.export([SPAN])


@pytest.mark.parametrize(
    ("before", "drip"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", id="head"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="preliminary answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", id="body"),
    ],
)
def test_an_answer_that_drips_has_the_one_timeout(before: bytes, drip: bytes) -> None:
    """Whichever part of an answer comes byte by byte without end, the exchange is over after its timeout."""
    drips: list[float] = []

    def answer(connection: socket.socket) -> None:
        connection.sendall(before)
        for _ in range(DRIPS):
            connection.sendall(drip)
            drips.append(time.monotonic())
            time.sleep(DRIP_SECONDS)

    with answering(answer) as url:
        refused(url, "did not answer within 0.5 s", IMPATIENCE)
    assert len(drips) < DRIPS / 2


@pytest.mark.parametrize(
    "said",
    [
        "Client sent an HTTP request to an HTTPS server.",
        "<h1>400 Bad Request</h1><center>The plain HTTP request was sent to HTTPS port</center>",
    ],
)
def test_plain_http_to_a_tls_port_is_put_right(said: str) -> None:
    """A server with TLS answers plain HTTP by a 400: that is the URL's fault, and no span's."""
    answer = f"HTTP/1.0 400 Bad Request\r\n\r\n{said}\n".encode()
    with answering(lambda connection: connection.sendall(answer)) as url:
        refused(url, "answered 400 .*https://")


def test_a_refusal_that_ends_by_a_reset_is_read() -> None:
    """A server that closes on a request which it did not read to its end resets: what it said before that counts."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)

    with answering(answer) as url:
        refused(url, "answered 400 .*https://")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"partialSuccess":{"rejectedSpans":"' + b"9" * 5_000 + b'"}}', id="number"),
        pytest.param(b'{"a":' * 10_000, id="depth"),
    ],
)
def test_json_without_end_is_no_answer(body: bytes, receiver: OtlpReceiver) -> None:
    """What cannot be read as OTLP's JSON, in whatever way, condemns no span."""
    receiver.answer(Answer(body=body, headers={"Content-Type": "application/json"}))
    refused(receiver.url, "not OTLP")
