"""Laws of slow, silent and too many clients, over real sockets: they are ended, and everyone else is served."""

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from tests.integration.ingest import EVENT, NATIVE
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import PATIENCE, until

HEAD = f"POST {NATIVE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
BODY = json.dumps(EVENT).encode()
POST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
MOST = 16
SETTINGS = {"LEANVIBE_SLOW_CLIENT_SECONDS": "0.6", "LEANVIBE_MAX_CONNECTIONS": str(MOST)}


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with running_sidecar(SETTINGS) as sidecar:
        yield sidecar


@contextlib.contextmanager
def connected(sidecar: Sidecar) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as one:
        yield one


def rest(one: socket.socket) -> bytes:
    """All that still comes until the other side ends; nothing more when it just broke off."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(65536):
            found += piece
    return found


def posts(one: socket.socket) -> bool:
    """Posts an event on this connection; whether it was taken."""
    with contextlib.suppress(ConnectionError):
        one.sendall(POST)
        return one.recv(65536).startswith(b"HTTP/1.1 204")
    return False


def is_over(one: socket.socket) -> bool:
    """Whether the other side has closed this connection, on which nothing is under way."""
    one.setblocking(False)
    try:
        return b"" == one.recv(1)
    except BlockingIOError:
        return False
    finally:
        one.settimeout(PATIENCE)


def is_served(sidecar: Sidecar) -> bool:
    return 204 == sidecar.post_native(EVENT).status_code


def away(sidecar: Sidecar, reason: str) -> float:
    name = f'leanvibe_clients_turned_away_total{{reason="{reason}"}}'
    lines = sidecar.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


@pytest.mark.parametrize(
    ("said", "answer", "reason"),
    [
        (b"", b"", "slow_head"),
        (b"GET / HT", b"HTTP/1.1 408", "slow_head"),
        (HEAD, b"HTTP/1.1 408", "slow_head"),
        (HEAD + b"Content-Length: 100\r\n\r\n{", b"", "slow_body"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", b"", "slow_body"),
    ],
)
def test_what_never_ends_is_ended(sidecar: Sidecar, said: bytes, answer: bytes, reason: str) -> None:
    """Whoever stops in the middle of a request is hung up on, counted, and nothing is stored."""
    before, stored = away(sidecar, reason), sidecar.count()
    with connected(sidecar) as one:
        one.sendall(said)
        assert rest(one).startswith(answer)
    assert away(sidecar, reason) > before
    assert stored == sidecar.count()


def test_a_byte_now_and_then_does_not_help(sidecar: Sidecar) -> None:
    """A head that keeps coming is ended at the same time as one that does not."""
    with connected(sidecar) as one, contextlib.suppress(ConnectionError):
        one.settimeout(0.1)
        for _ in range(300):
            one.sendall(b"G")
            with contextlib.suppress(TimeoutError):
                assert b"" != one.recv(65536)[:1]
                break
        else:
            pytest.fail("it was read for ever")


def test_more_than_may_be_take_each_others_place(sidecar: Sidecar) -> None:
    """Silent clients beyond the bound end the oldest of them, and an ordinary client does not notice."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(sidecar)) for _ in range(MOST * 5)]
        assert is_served(sidecar)
        assert b"" == rest(silent[0])
    assert away(sidecar, "place_needed") > 0


def test_the_longest_idle_goes_first(sidecar: Sidecar) -> None:
    """A connection that was used and then left idle makes room for one that is new."""
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(sidecar)) for _ in range(MOST // 2)]
        assert all(posts(one) for one in idle)

        def one_more() -> bool:
            posts(stack.enter_context(connected(sidecar)))
            return is_over(idle[0])

        until(one_more, "the first of them is closed", sidecar.output)
        assert posts(idle[-1])


@pytest.mark.parametrize(
    "said",
    [
        HEAD + b"X: y\r\n" * 200 + b"\r\n",
        HEAD + b"X: " + b"y" * 100_000,
        b"A" * 100_000,
        (HEAD + b"Content-Length: 2\r\n\r\n{}") * 400,
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000,
    ],
    ids=["many headers", "a long header", "a long line", "many posts at once", "many questions at once"],
)
def test_too_much_at_once_ends_the_connection(sidecar: Sidecar, said: bytes) -> None:
    """More headers, or more requests without waiting for answers, than any client has, end the connection."""
    with connected(sidecar) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(said)
        assert 200_000 > len(rest(one))
    assert is_served(sidecar)


CHUNK = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x" % len(BODY)
WHOLE = CHUNK + b"\r\n" + BODY + b"\r\n0\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (WHOLE, b"X: y\r\n" * 5000),
        (WHOLE + b"X: ", b"y" * 30_000),
        (CHUNK + b";", b"z" * 30_000),
        (CHUNK, b" " * 30_000),
    ],
    ids=["trailers", "a trailer", "an extension", "spaces"],
)
def test_what_frames_a_body_has_an_end(sidecar: Sidecar, begin: bytes, more: bytes) -> None:
    """Trailers and chunk extensions are not collected for ever: the connection ends, and nothing is stored of it."""
    with connected(sidecar) as one, contextlib.suppress(ConnectionError):
        one.sendall(begin)
        for _ in range(1000):
            one.sendall(more)
        pytest.fail("it took all")
    assert is_served(sidecar)


def test_a_trailer_changes_nothing(sidecar: Sidecar) -> None:
    """What stands behind a body, as a proxy may put it there, is no line of the head: the event is taken."""
    with connected(sidecar) as one:
        one.sendall(WHOLE + b"Host: evil.example\r\nX-Checksum: 1\r\n\r\n")
        assert one.recv(65536).startswith(b"HTTP/1.1 204")


def test_small_chunks_are_a_body(sidecar: Sidecar) -> None:
    """A body in chunks of one byte, more of them than framing alone may have, is as good as any other."""
    body = json.dumps({**EVENT, "text": "all is well " * 4000}).encode()
    with connected(sidecar) as one:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        one.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(chunks), 10_000):
            one.sendall(chunks[at : at + 10_000])
        one.sendall(b"0\r\n\r\n")
        assert one.recv(65536).startswith(b"HTTP/1.1 204")


def test_a_rate_is_held_by_reading_later() -> None:
    """Beyond its rate a connection is read more slowly; nothing is refused or lost."""
    with running_sidecar({"LEANVIBE_MAX_CONNECTION_REQUESTS_PER_SECOND": "10"}) as sidecar:
        with connected(sidecar) as one:
            assert all(posts(one) for _ in range(16))
        assert is_served(sidecar)


def test_large_bodies_at_once_are_all_taken(sidecar: Sidecar) -> None:
    """More megabytes than there is room for wait unread, and each gets its answer."""
    body = b'{"session_id":"large","hook_event_name":"PostToolUse","c":"' + b"all is well " * 900_000 + b'"}'
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(sidecar)) for _ in range(4)]
        for one in clients:
            one.setblocking(False)
        sent = dict.fromkeys(clients, 0)
        until(lambda: advance(sent, request), "all is sent", sidecar.output)
        for one in clients:
            one.settimeout(PATIENCE)
            assert one.recv(65536).startswith(b"HTTP/1.1 204")
    assert is_served(sidecar)


def advance(sent: dict[socket.socket, int], request: bytes) -> bool:
    """Sends on each connection as much as it takes; whether all is sent."""
    for one, at in sent.items():
        with contextlib.suppress(BlockingIOError):
            sent[one] = at + one.send(request[at : at + 1024 * 1024])
    return all(at == len(request) for at in sent.values())


def test_nothing_of_it_is_a_line_in_the_log(sidecar: Sidecar) -> None:
    """What clients do wrong is counted, not logged."""
    assert "Traceback" not in sidecar.output()
    assert "Invalid HTTP" not in sidecar.output()
    assert " ERROR " not in sidecar.output()
