"""Laws of the live feed: everyone gets what they asked for, nobody waits for the slow."""

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.events import public
from sidecar.front.live import hub as module
from sidecar.front.live.hub import LiveHub, Subscription
from sidecar.redact.account import Leak
from tests.recorded_events import recorded_events

ROOT = Path(__file__).parent.parent.parent.parent

Message = dict[str, Any]


async def frames(hub: LiveHub, *subscriptions: Subscription) -> list[Message]:
    hub.publish(recorded_events(3))
    hub.publish(recorded_events(5)[3:])
    return [msgspec.json.decode(await subscription.next_frame(5)) for subscription in subscriptions]


def test_events_are_gathered_into_one_frame() -> None:
    """What comes within a moment goes out as one message, in order, with every field of an event."""

    async def scenario() -> list[Message]:
        hub = LiveHub()
        return await frames(hub, hub.subscribe({}), hub.subscribe({}))

    first, second = asyncio.run(scenario())

    assert first == second
    assert [1, 2, 3, 4, 5] == [event["seq"] for event in first["events"]]


def test_filters_choose() -> None:
    """A client gets the events whose fields have the values that it named, and no others."""
    wanted = recorded_events(5)[2]

    async def scenario() -> list[Message]:
        hub = LiveHub()
        return await frames(hub, hub.subscribe({"event_type": wanted.event_type.value}))

    (only,) = asyncio.run(scenario())

    expected = [event.seq for event in recorded_events(5) if event.event_type is wanted.event_type]
    assert expected == [event["seq"] for event in only["events"]]


def test_an_alert_does_not_wait_for_its_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in a message of its own before the event, to those who get the event; live.md has all that it says."""
    monkeypatch.setattr(module, "CLIENT_EVENTS", 1)
    first, second = recorded_events(2)
    leak = Leak("rule", "tool_response.stdout")

    async def scenario() -> list[Message]:
        hub = LiveHub()
        wanted, other = hub.subscribe({}), hub.subscribe({"session_id": "another"})
        hub.publish([first, second])
        hub.alert(second, [leak])
        return [
            msgspec.json.decode(await one)
            for one in (wanted.next_frame(5), wanted.next_frame(5), other.next_frame(0))
        ]

    alert, events, quiet = asyncio.run(scenario())

    (told,) = alert["alerts"]
    assert {**leak._asdict(), "session_id": second.session_id, "seq": second.seq} == told
    assert ([], [second.seq]) == (alert["events"], [event["seq"] for event in events["events"]])
    assert ({"dropped", "events"}, {"heartbeat"}) == (set(events), set(quiet))
    messages = (ROOT / "docs" / "live.md").read_text().partition("| message | meaning |")[2].partition("\n\n")[0]
    assert set() == {f'"{name}"' for name in {*alert, *told, *events, *quiet}} - set(re.findall(r'"\w+"', messages))


def test_a_slow_client_is_told_what_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound a client loses the oldest events, and the next message says how many."""
    monkeypatch.setattr(module, "CLIENT_EVENTS", 4)

    async def scenario() -> list[Message]:
        hub = LiveHub()
        slow = hub.subscribe({})
        for start in range(0, 10, 2):
            hub.publish(recorded_events(10)[start : start + 2])
            await asyncio.sleep(module.GATHER_SECONDS * 2)
        return [msgspec.json.decode(await slow.next_frame(5))]

    (message,) = asyncio.run(scenario())

    assert 6 == message["dropped"]
    assert [7, 8, 9, 10] == [event["seq"] for event in message["events"]]


def test_what_waits_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few large events fill a slow client's share as many small ones do: the oldest go, and are counted."""
    events = recorded_events(10)
    sizes = [len(msgspec.json.encode(public(event))) for event in events]
    monkeypatch.setattr(module, "CLIENT_BYTES", sum(sizes[6:]))

    async def scenario() -> Message:
        hub = LiveHub()
        slow = hub.subscribe({})
        hub.publish(events)
        message: Message = msgspec.json.decode(await slow.next_frame(5))
        return message

    message = asyncio.run(scenario())

    assert (6, [7, 8, 9, 10]) == (message["dropped"], [event["seq"] for event in message["events"]])


def test_quiet_is_told() -> None:
    """When nothing comes, a heartbeat does."""
    assert {"heartbeat": True} == asyncio.run(heartbeat())


async def heartbeat() -> Message:
    decoded: Message = msgspec.json.decode(await LiveHub().subscribe({}).next_frame(0.01))
    return decoded


def test_nobody_costs_nothing() -> None:
    """Without a client nothing is kept."""
    hub = LiveHub()
    hub.publish(recorded_events(3))

    assert [] == hub._gathered.events


def test_whoever_left_is_forgotten() -> None:
    """After unsubscribing a client gets nothing and is not counted."""
    hub = LiveHub()
    subscription = hub.subscribe({})
    assert 1 == hub.clients

    hub.unsubscribe(subscription)
    hub.unsubscribe(subscription)

    assert 0 == hub.clients


def test_what_the_store_told_is_not_told_again() -> None:
    """A client that has everything up to a number gets only what comes after it, though it waited or comes later."""

    async def scenario() -> list[Message]:
        hub = LiveHub()
        one, other = hub.subscribe({}), hub.subscribe({})
        hub.publish(recorded_events(3))
        one.skip_through(2)
        await asyncio.sleep(module.GATHER_SECONDS * 2)
        other.skip_through(1)
        return [msgspec.json.decode(await subscription.next_frame(5)) for subscription in (one, other)]

    first, second = asyncio.run(scenario())

    assert [[3], [2, 3]] == [[event["seq"] for event in message["events"]] for message in (first, second)]


def test_an_alert_does_not_wait_behind_a_replay() -> None:
    """One that comes while its client is replayed to is told right after it, also when its event came by that."""
    (event,) = recorded_events(1)

    async def scenario() -> Message:
        hub = LiveHub()
        client = hub.subscribe({})
        hub.alert(event, [Leak("rule", "path")])
        client.skip_through(event.seq)
        message: Message = msgspec.json.decode(await client.next_frame(0.1))
        return message

    assert "alerts" in asyncio.run(scenario())


def test_a_loss_that_the_store_made_good_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client lost while it was being replayed to, and then got from the store, is not told as dropped."""
    monkeypatch.setattr(module, "CLIENT_EVENTS", 2)

    async def scenario() -> tuple[int, Message]:
        hub = LiveHub()
        slow = hub.subscribe({})
        hub.publish(recorded_events(5))
        await asyncio.sleep(module.GATHER_SECONDS * 2)
        lost_through = slow.lost_through
        slow.skip_through(lost_through)
        return lost_through, msgspec.json.decode(await slow.next_frame(5))

    lost_through, message = asyncio.run(scenario())

    assert 3 == lost_through
    assert "dropped" not in message
    assert [4, 5] == [event["seq"] for event in message["events"]]


def test_a_loss_beyond_what_the_store_told_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of the store makes good only what it reaches: a later loss is told as dropped."""
    monkeypatch.setattr(module, "CLIENT_EVENTS", 2)

    async def scenario() -> Message:
        hub = LiveHub()
        slow = hub.subscribe({})
        hub.publish(recorded_events(5))
        await asyncio.sleep(module.GATHER_SECONDS * 2)
        slow.skip_through(slow.lost_through - 1)
        message: Message = msgspec.json.decode(await slow.next_frame(5))
        return message

    message = asyncio.run(scenario())

    assert (3, [4, 5]) == (message["dropped"], [event["seq"] for event in message["events"]])


def test_clients_are_served_alike_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients served in turns all get the same, in order, over several rounds."""
    monkeypatch.setattr(module, "AT_ONCE", 1)

    async def collect(subscription: Subscription) -> list[int]:
        seqs: list[int] = []
        while len(seqs) < 9:
            message: Message = msgspec.json.decode(await subscription.next_frame(5))
            seqs.extend(event["seq"] for event in message["events"])
        return seqs

    async def scenario() -> list[list[int]]:
        hub = LiveHub()
        clients = [asyncio.create_task(collect(hub.subscribe({}))) for _ in range(20)]
        await asyncio.sleep(0)
        for start in range(0, 9, 3):
            hub.publish(recorded_events(9)[start : start + 3])
            await asyncio.sleep(module.GATHER_SECONDS * 1.1)
        return await asyncio.gather(*clients)

    assert [[1, 2, 3, 4, 5, 6, 7, 8, 9]] * 20 == asyncio.run(scenario())
