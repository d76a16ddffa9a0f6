"""The WebSocket tap with clients of every kind: slow, noisy, many."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.delivered import received
from tests.sidecar_process import LIVE, Sidecar
from tests.waiting import PATIENCE, until

EVENT: dict[str, Any] = {"session_id": "s", "event_type": "PRE_TOOL_USE", "tool_name": "Bash"}


@pytest.fixture(autouse=True)
def _alone(sidecar: Sidecar) -> Iterator[None]:
    """No client of another test is left."""
    yield
    _wait_for_clients(sidecar, 0)


def _wait_for_clients(sidecar: Sidecar, count: int) -> None:
    until(lambda: sidecar.health()["components"]["live"]["clients"] == count, f"{count} clients", sidecar.output)


def test_a_client_gets_what_it_asked_for(sidecar: Sidecar) -> None:
    """Filters choose by every field that they name; what comes is redacted and numbered, in order."""
    with sidecar.live("?session_id=mine&tool_name=Bash") as client:
        _wait_for_clients(sidecar, 1)
        mine = {**EVENT, "session_id": "mine", "parameters": {"to": "someone@example.org"}}
        sidecar.post_guide([EVENT, mine, {**mine, "tool_name": "Read"}, {**EVENT, "tool_name": None}, mine])
        first, second = received(client, 2)
    assert {"to": "[EMAIL_REDACTED]"} == first["payload"]["parameters"]
    assert first["seq"] + 3 == second["seq"]


def test_what_a_client_says_is_ignored(sidecar: Sidecar) -> None:
    """Text, bytes and JSON from a client change nothing."""
    with sidecar.live() as client:
        for said in ("garbage", b"\x00\xff", '{"events": [1]}', "x" * 60_000):
            client.send(said)
        sidecar.post_guide(EVENT)
        assert ["s"] == [event["session_id"] for event in received(client, 1)]


def test_a_client_that_says_too_much_is_hung_up_on(sidecar: Sidecar) -> None:
    """A message over the limit closes that client's connection alone."""
    with sidecar.live() as other, sidecar.live() as client:
        client.send("x" * 100_000)
        with pytest.raises(ConnectionClosedError, match="1009"):
            client.recv(timeout=PATIENCE)
        sidecar.post_guide(EVENT)
        assert 1 == len(received(other, 1))


def test_a_time_before_time_does_not_stop_the_tap(sidecar: Sidecar) -> None:
    """An event whose time no calendar holds is shown like any other."""
    with sidecar.live() as client:
        sidecar.post_guide({**EVENT, "timestamp": "0001-01-01T00:00:00+14:00"})
        sidecar.post_guide({**EVENT, "timestamp": "9999-12-31T23:59:59-14:00"})
        assert 2 == len(received(client, 2))


def test_many_clients_see_the_same(sidecar: Sidecar) -> None:
    """Two hundred clients each get every event."""
    with ExitStack() as stack:
        clients = [stack.enter_context(sidecar.live()) for _ in range(200)]
        sidecar.post_guide(EVENT)
        assert [1] * 200 == [len(received(client, 1)) for client in clients]


def _deaf(sidecar: Sidecar) -> socket.socket:
    """A client that shakes hands and then reads nothing."""
    client = socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE)
    lines = [
        f"GET {LIVE} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {sidecar.token}", "", "",
    ]  # fmt: skip
    client.sendall("\r\n".join(lines).encode())
    return client


def test_a_slow_client_loses_and_is_told_and_slows_nobody(sidecar: Sidecar) -> None:
    """Who does not read loses the oldest events and is told how many; others get all; memory stays bounded."""
    batch = [{**EVENT, "parameters": {"c": "word " * 1000}}] * 500
    with ExitStack() as stack:
        deaf = [stack.enter_context(_deaf(sidecar)) for _ in range(20)]
        client = stack.enter_context(sidecar.live())
        _wait_for_clients(sidecar, 21)
        for _ in range(8):
            assert 200 == sidecar.post_guide(batch).status_code
            assert 500 == len(received(client, 500))
        seen = b""
        while b'"dropped":' not in seen[-70_000:]:
            seen += deaf[0].recv(65_536)
    assert 300 > _resident_mb(sidecar.pid)


def _resident_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:  # noqa: PTH123  a file of the kernel
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))


def test_nothing_of_it_is_a_traceback(sidecar: Sidecar) -> None:
    """Clients of any kind are no error."""
    assert "Traceback" not in sidecar.output()
