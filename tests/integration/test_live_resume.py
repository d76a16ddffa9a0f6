"""Laws of the tap for clients that come back: what they missed comes from the store, once, and the feed follows."""

import json
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import PATIENCE

BATCH = 20
PAUSE = 0.02
KILLS = 100


@pytest.fixture(scope="module", name="sidecar")
def _sidecar() -> Iterator[Sidecar]:
    with running_sidecar() as sidecar:
        yield sidecar


def events(count: int, session: str, tool: str = "test") -> list[dict[str, Any]]:
    return [{"session_id": session, "event_type": "PRE_TOOL_USE", "tool_name": tool} for _ in range(count)]


def post(sidecar: Sidecar, bodies: list[dict[str, Any]]) -> None:
    answer = sidecar.post_guide(bodies)
    assert 200 == answer.status_code, answer.text


def numbers(client: ClientConnection) -> tuple[list[int], bool]:
    """The sequence numbers of the next message, and whether it says that the client is live."""
    message = json.loads(client.recv(PATIENCE))
    return [event["seq"] for event in message.get("events", ())], bool(message.get("live"))


def kill(client: ClientConnection) -> None:
    """Ends a connection as a killed process does: no goodbye."""
    client.socket.shutdown(socket.SHUT_RDWR)


def last_seq(sidecar: Sidecar) -> int:
    return int(sidecar.health()["components"]["journal"]["last_seq"])


def replayed(sidecar: Sidecar, query: str) -> tuple[list[int], dict[str, Any]]:
    """All that comes until the client is told that it is live, and that message."""
    seqs: list[int] = []
    with sidecar.live(query) as client:
        while not (message := json.loads(client.recv(PATIENCE))).get("live"):
            seqs.extend(event["seq"] for event in message["events"])
    return seqs, message


def test_a_client_killed_a_hundred_times_gets_each_event_once(sidecar: Sidecar) -> None:
    """However often it dies in the middle, a client that resumes by number misses nothing and gets nothing twice."""
    before = last_seq(sidecar)
    pauses = random.Random(7)
    told: list[int] = []
    enough = threading.Event()

    def tell() -> None:
        while not enough.wait(PAUSE):
            post(sidecar, events(BATCH, "resumed"))
            told.append(BATCH)

    teller = threading.Thread(target=tell)
    teller.start()
    seqs: list[int] = []
    try:
        for _ in range(KILLS):
            seqs.extend(seen_before_death(sidecar, seqs[-1] if seqs else before, pauses.randrange(4)))
    finally:
        enough.set()
        teller.join()
    rest, _ = replayed(sidecar, f"?after={seqs[-1] if seqs else before}")

    assert list(range(before + 1, before + sum(told) + 1)) == seqs + rest


def seen_before_death(sidecar: Sidecar, after: int, messages: int) -> list[int]:
    """What a client gets that resumes after `after` and is killed after so many messages."""
    seqs: list[int] = []
    with sidecar.live(f"?after={after}") as client:
        for _ in range(messages):
            seqs.extend(numbers(client)[0])
        kill(client)
    return seqs


def test_replay_passes_into_the_feed(sidecar: Sidecar) -> None:
    """A client that asks from the start gets the past in pages, is told that it is live, and then the present."""
    post(sidecar, events(1200, "past"))
    before = last_seq(sidecar)
    seqs: list[int] = []
    with sidecar.live("?after=0") as client:
        live = False
        while not live:
            new, live = numbers(client)
            seqs.extend(new)
        assert list(range(1, before + 1)) == seqs
        post(sidecar, events(5, "present"))
        assert list(range(before + 1, before + 6)) == numbers(client)[0]


def test_replay_is_filtered(sidecar: Sidecar) -> None:
    """Filters choose from the past as they do from the present."""
    post(sidecar, [*events(3, "one"), *events(4, "other", "rare")])

    rare, _ = replayed(sidecar, "?after=0&tool_name=rare")
    none, _ = replayed(sidecar, "?after=0&tool_name=never")

    assert (4, []) == (len(rare), none)


def test_a_number_from_another_life_starts_at_the_end(sidecar: Sidecar) -> None:
    """A client that knows numbers which this journal never gave is told where this one is."""
    post(sidecar, events(1, "now"))

    assert ([], {"live": True, "seq": last_seq(sidecar)}) == replayed(sidecar, f"?after={2**62}")


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "9" * 40, "²"])
def test_what_is_no_number_is_refused(sidecar: Sidecar, after: str) -> None:
    """A sequence number that is none closes the connection with the reason."""
    with sidecar.live(f"?after={after}") as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(PATIENCE)

    assert 1008 == closed.value.rcvd.code if closed.value.rcvd else False


@pytest.mark.parametrize("asked", ["tool=Bash", "agent=a&agent=b", "event_type=error", "after=0&limit=5"])
def test_what_cannot_be_asked_for_is_refused(sidecar: Sidecar, asked: str) -> None:
    """A filter that there is not, or that nothing can pass, is told: it sends neither everything nor nothing."""
    with sidecar.live(f"?{asked}") as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(PATIENCE)

    assert closed.value.rcvd
    assert 1008 == closed.value.rcvd.code
    assert closed.value.rcvd.reason


def test_replay_outlives_the_worker(sidecar: Sidecar) -> None:
    """A worker that dies in the middle of a replay delays it and loses nothing of it."""
    before = last_seq(sidecar)
    with sidecar.live("?after=0") as client:
        seqs = numbers(client)[0]
        os.kill(sidecar.worker_pid, signal.SIGKILL)
        live = False
        while not live:
            new, live = numbers(client)
            seqs.extend(new)

    assert list(range(1, before + 1)) == seqs
