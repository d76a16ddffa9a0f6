"""A hook under a known head takes a short way; whoever sends it must not be able to tell."""

import http.client
import json
import re
import socket
import time

import pytest

from sidecar.errors import NotDurableError
from sidecar.front.receive import native
from tests.integration.ingest import GUIDE, NATIVE
from tests.sidecar_process import Sidecar, running_sidecar

SECONDS = 30.0
BODY = b'{"session_id":"whole","hook_event_name":"PreToolUse","tool_name":"Read"}'
GIVEN = b'{"session_id":"whole","hook_event_name":"PreToolUse","event_id":"whole-1"}'


def post(body: bytes = BODY, *lines: str, path: str = NATIVE, version: str = "1.1", json: bool = True) -> bytes:
    kind = ["Content-Type: application/json"] if json else []
    head = [f"POST {path} HTTP/{version}", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *kind, *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def answer(port: int, *pieces: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body that come back on one connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.05)  # so that the other side reads twice; an earlier read only makes the test weaker
            connection.sendall(piece)
        found = http.client.HTTPResponse(connection, method="POST")
        found.begin()
        return found.status, found.getheaders(), found.read()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(), 204),
        (post(GIVEN), 204),
        (post(BODY, "X-Leanvibe-Agent-Id: one"), 204),
        (post(BODY, "X-Leanvibe-Enable: false"), 204),
        (post(BODY, "Connection: close"), 204),
        (post(BODY, version="1.0"), 204),
        (post(BODY, "Expect: 100-continue"), 204),
        (post(BODY, json=False), 415),
        (post(BODY, "Origin: http://evil.example"), 403),
        (post(BODY, path=NATIVE.replace("claude-code", "nobody")), 404),
        (post(b"{"), 400),
        (post(b"[]"), 400),
        (post(b"{}"), 400),
    ],
)  # fmt: skip
def test_both_ways_answer_alike(sidecar: Sidecar, request_: bytes, status: int) -> None:
    """The same request in one piece, again now that its head is known, and in two gets the same answer."""
    cut = len(request_) - 1
    whole, again = answer(sidecar.port, request_), answer(sidecar.port, request_)
    parts = answer(sidecar.port, request_[:cut], request_[cut:])

    assert status == whole[0]
    assert parts == again == whole


def test_requests_behind_one_another_are_answered_in_order(sidecar: Sidecar) -> None:
    """Ten requests in one piece, some of which fail, get ten answers in the order of their sending."""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=SECONDS) as connection:
        connection.sendall((post() + post(b"{")) * 5)
        found = b""
        while found.count(b"HTTP/1.1 ") < 10 or not found.endswith(b"}"):
            found += connection.recv(65_536)

    assert [b"204", b"400"] * 5 == re.findall(rb"HTTP/1\.1 (\d+)", found)


def test_what_comes_too_early_waits(sidecar: Sidecar) -> None:
    """Requests that do not wait for the answers before them are answered in the order of their sending."""
    answer(sidecar.port, post())
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request_ in [post(), post(b"{"), post(), post()] * 7:
            connection.sendall(request_)
        found = b""
        while found.count(b"HTTP/1.1 ") < 28 and (more := connection.recv(65_536)):
            found += more

    assert [b"204", b"400", b"204", b"204"] * 7 == re.findall(rb"HTTP/1\.1 (\d+)", found)


def test_a_known_head_goes_with_the_token_that_it_holds() -> None:
    """After a rotation an open connection with the old token sends nothing more."""
    with running_sidecar({"LEANVIBE_INGEST": "token"}) as closed:
        old = (closed.data_dir / "ingest-token").read_text().strip()
        request_ = post(BODY, f"Authorization: Bearer {old}")
        with socket.create_connection(("127.0.0.1", closed.port), timeout=SECONDS) as connection:
            before = [status(connection, request_) for _ in range(3)]
            assert closed.post("/api/v1/access/rotate", {"tokens": ["ingest"]}, headers=closed.bearer).is_success
            after = status(connection, request_)

    assert ([204, 204, 204], 401) == (before, after)


def test_what_is_too_large_is_so_under_a_known_head_too() -> None:
    """With a limit below what the short way takes, a larger body leaves its ids only, however it comes."""
    with running_sidecar({"LEANVIBE_MAX_BODY_BYTES": "1024"}) as small:
        large = BODY.replace(b'"Read"', b'"Read","tool_input":{"file_path":"%s"}' % (b"x" * 2000))
        with socket.create_connection(("127.0.0.1", small.port), timeout=SECONDS) as connection:
            assert [204] * 4 == [status(connection, post(body)) for body in (BODY, BODY, large, large)]
        rows = small.sql("SELECT payload FROM events ORDER BY seq")

    assert [False, False, True, True] == ["over_size_limit" in row[0] for row in rows]


def status(connection: socket.socket, request_: bytes) -> int:
    """Of one request, sent in one piece over a connection that stays."""
    connection.sendall(request_)
    with http.client.HTTPResponse(connection, method="POST") as found:
        found.begin()
        found.read()
        return found.status


def test_each_event_is_counted_once(sidecar: Sidecar) -> None:
    """An event that the short way gives up on is not counted there and again on the ordinary one."""
    answer(sidecar.port, post())
    before = sidecar.get("/api/v1/observability/hook-performance").json()["performance"]
    answer(sidecar.port, post())
    answer(sidecar.port, post(b"{"))
    after = sidecar.get("/api/v1/observability/hook-performance").json()["performance"]

    assert 1 == after["events_processed"] - before["events_processed"]
    assert 1 == after["events_failed"] - before["events_failed"]


def test_an_event_that_cannot_be_made_durable_is_a_503() -> None:
    """The short way's own refusal is a whole response that says what and what to do."""
    told: list[bytes] = []
    native._tell(told.append, NotDurableError("no room", hint="make some"))

    head, _, body = told[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b'{"error":"no room","hint":"make some"}' == body


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA")


@pytest.mark.parametrize("offer", [OFFER, ("Connection: upgrade", "Upgrade: TLS/1.0, websocket")])
def test_an_offer_of_another_protocol_is_passed_over(sidecar: Sidecar, offer: tuple[str, ...]) -> None:
    """A request that offers HTTP/2 (Java's own client, curl --http2) is taken as any other: whole, cut, in chunks."""
    request = post(BODY, *offer)
    end = request.index(b"\r\n\r\n") + 4
    head = request[:end].replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked")
    chunked = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    sent = [(request,), (request,), (request[:30], request[30:]), (request[:end], BODY), (chunked,)]
    assert [204] * 5 == [answer(sidecar.port, *pieces)[0] for pieces in sent]
    status, _, told = answer(sidecar.port, post(BODY, *offer, path=GUIDE))
    assert (200, "processed") == (status, json.loads(told)["status"])


def test_a_body_under_an_offer_is_no_request(sidecar: Sidecar) -> None:
    """What stands in such a body is never read as a request of its own; what stands behind it is."""
    hidden = post()
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=SECONDS) as connection:
        connection.sendall(post(hidden, *OFFER) + post(BODY, *OFFER) + post(BODY, "Connection: close"))
        found = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [b"400", b"204", b"204"] == re.findall(rb"HTTP/1.1 (\d+)", found)
