"""The WebSocket tap with clients of every kind: slow, noisy, many."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from tests.integration.rig import GUIDE, Sidecar, running, wait_until

TAP = "/api/v1/websocket/observability"
EVENT: dict[str, Any] = {"session_id": "s", "event_type": "PRE_TOOL_USE", "tool_name": "Bash"}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with running(tmp_path_factory.mktemp("live") / "data") as sidecar:
        yield sidecar


@pytest.fixture(autouse=True)
def _alone(sidecar: Sidecar) -> Iterator[None]:
    """No client of another test is left."""
    yield
    wait_until(lambda: _clients(sidecar) == 0)


def _clients(sidecar: Sidecar) -> int:
    return int(sidecar.health()["components"]["live"]["clients"])


def _tap(sidecar: Sidecar, query: str = "") -> connect:
    address = f"ws://127.0.0.1:{sidecar.port}{TAP}{query}"
    return connect(address, additional_headers=sidecar.bearer(), proxy=None, max_size=None)


def _events(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += json.loads(client.recv(timeout=10)).get("events", [])
    return found


def test_a_client_gets_what_it_asked_for(sidecar: Sidecar) -> None:
    """Filters choose by every field that they name; what comes is redacted and numbered, in order."""
    with _tap(sidecar, "?session_id=mine&tool_name=Bash") as client:
        wait_until(lambda: _clients(sidecar) == 1)
        mine = {**EVENT, "session_id": "mine", "parameters": {"to": "someone@example.org"}}
        sidecar.post(GUIDE, [EVENT, mine, {**mine, "tool_name": "Read"}, {**EVENT, "tool_name": None}, mine])
        first, second = _events(client, 2)
    assert {"to": "[EMAIL_REDACTED]"} == first["payload"]["parameters"]
    assert first["seq"] + 3 == second["seq"]


def test_what_a_client_says_is_ignored(sidecar: Sidecar) -> None:
    """Text, bytes and JSON from a client change nothing."""
    with _tap(sidecar) as client:
        for said in ("garbage", b"\x00\xff", '{"events": [1]}', "x" * 60_000):
            client.send(said)
        sidecar.post(GUIDE, EVENT)
        assert ["s"] == [event["session_id"] for event in _events(client, 1)]


def test_a_client_that_says_too_much_is_hung_up_on(sidecar: Sidecar) -> None:
    """A message over the limit closes that client's connection alone."""
    with _tap(sidecar) as other, _tap(sidecar) as client:
        client.send("x" * 100_000)
        with pytest.raises(ConnectionClosedError, match="1009"):
            client.recv(timeout=10)
        sidecar.post(GUIDE, EVENT)
        assert 1 == len(_events(other, 1))


def test_a_time_before_time_does_not_stop_the_tap(sidecar: Sidecar) -> None:
    """An event whose time no calendar holds is shown like any other."""
    with _tap(sidecar) as client:
        sidecar.post(GUIDE, {**EVENT, "timestamp": "0001-01-01T00:00:00+14:00"})
        sidecar.post(GUIDE, {**EVENT, "timestamp": "9999-12-31T23:59:59-14:00"})
        assert 2 == len(_events(client, 2))


def test_many_clients_see_the_same(sidecar: Sidecar) -> None:
    """Two hundred clients each get every event."""
    with ExitStack() as stack:
        clients = [stack.enter_context(_tap(sidecar)) for _ in range(200)]
        sidecar.post(GUIDE, EVENT)
        assert [1] * 200 == [len(_events(client, 1)) for client in clients]


def _deaf(sidecar: Sidecar) -> socket.socket:
    """A client that shakes hands and then reads nothing."""
    client = socket.create_connection(("127.0.0.1", sidecar.port), timeout=20)
    lines = [
        f"GET {TAP} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
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
        client = stack.enter_context(_tap(sidecar))
        wait_until(lambda: _clients(sidecar) == 21)
        for _ in range(8):
            assert 200 == sidecar.post(GUIDE, batch).status
            assert 500 == len(_events(client, 500))
        seen = b""
        while b'"dropped":' not in seen[-70_000:]:
            seen += deaf[0].recv(65_536)
    assert 300 > _resident_mb(sidecar.pid)


def _resident_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:  # noqa: PTH123  a file of the kernel
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))


def test_nothing_of_it_is_a_traceback(sidecar: Sidecar) -> None:
    """Clients of any kind are no error."""
    assert "Traceback" not in sidecar.log
