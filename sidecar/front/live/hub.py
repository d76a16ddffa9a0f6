"""Bounded fan-out: events are gathered for a moment, encoded once, and given to every client that wants them."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from sidecar.events import HookEvent, public
from sidecar.redact import Leak

GATHER_SECONDS = 0.05
CROWD = 20
"""With more clients than that they are served one by one, over `SPREAD_SECONDS`, while the next events gather.

All at once would hold up ingest for as long as it takes to copy the events for each of them.
"""
SPREAD_SECONDS = 0.5
CLIENT_EVENTS = 2000
"""Events waiting for one slow client; beyond it the oldest are dropped and counted."""
CLIENT_BYTES = 32 * 1024 * 1024
CLIENT_ALERTS = 200
"""Alerts waiting for one slow client."""
FRAME_BYTES = 1024 * 1024
"""About the largest frame: what waits for a client is shared by all clients, what is being sent is not."""
AT_ONCE = 1
"""Clients that are served before the event loop takes its next look at ingest."""
FILTERS = ("session_id", "agent", "agent_id", "event_type", "tool_name")

_encoder = msgspec.json.Encoder()


class Batch:
    """Events that go out together, each encoded once, and all of them as one message once, for all clients.

    They are encoded as they come: all of them at once would hold up ingest.
    """

    def __init__(self) -> None:
        self.events: list[HookEvent] = []
        self.encoded: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, events: Sequence[HookEvent]) -> None:
        """More events, in order of their numbers."""
        encoded = [(event.seq, _encoder.encode(public(event))) for event in events]
        self.events += events
        self.encoded += encoded
        self.size += sum(len(one) for _, one in encoded)

    @property
    def first_seq(self) -> int:
        """The number of the first of them."""
        return self.events[0].seq

    @cached_property
    def message(self) -> str:
        """The message for a client that takes all of them and had nothing waiting."""
        return _message([encoded for _, encoded in self.encoded], 0)


class Subscription:
    """One client's view: its filters and what still waits for it.

    Args:
        filters: field name (of `FILTERS`) → the value that it must have.
    """

    def __init__(self, filters: Mapping[str, str]) -> None:
        self._filters = tuple(filters.items())
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._dropped = 0
        self._ready: Batch | None = None
        self._alerts: deque[bytes] = deque(maxlen=CLIENT_ALERTS)
        self._arrived = asyncio.Event()
        self._has = 0
        self.lost_through = 0
        """Sequence number of the last event that was dropped here."""

    def offer(self, batch: Batch) -> None:
        """Queues those that pass the filters; drops the oldest beyond the bounds."""
        takes_all = not self._filters and batch.first_seq > self._has
        plain = takes_all and batch.size <= FRAME_BYTES and not (self._waiting or self._dropped)
        self._ready = batch if plain else None
        if takes_all:
            self._waiting.extend(batch.encoded)
            self._bytes += batch.size
        else:
            self._pick(batch)
        while len(self._waiting) > CLIENT_EVENTS or self._bytes > CLIENT_BYTES:
            seq, encoded = self._waiting.popleft()
            self._bytes -= len(encoded)
            self._dropped += 1
            self._ready = None
            self.lost_through = seq
        if self._waiting:
            self._arrived.set()

    def _pick(self, batch: Batch) -> None:
        for event, one in zip(batch.events, batch.encoded, strict=True):
            if event.seq > self._has and self._wants(event):
                self._waiting.append(one)
                self._bytes += len(one[1])

    def skip_through(self, seq: int) -> None:
        """Whatever is numbered up to `seq` is not for the client: it has it from the store."""
        self._has = seq
        self._ready = None
        while self._waiting and self._waiting[0][0] <= seq:
            self._bytes -= len(self._waiting.popleft()[1])
        if self.lost_through <= seq:
            self._dropped = 0
        if not (self._waiting or self._alerts):
            self._arrived.clear()

    def warn(self, event: HookEvent, alerts: Sequence[bytes]) -> None:
        """Queues alerts about an event that passes the filters; the oldest beyond the bound go."""
        if self._wants(event):
            self._alerts.extend(alerts)
            self._arrived.set()

    async def next_frame(self, heartbeat_seconds: float) -> str:
        """The next message: `{"events": […]}`, with `dropped` when some were and `alerts` when there are any.

        `{"heartbeat": true}` when quiet.
        """
        try:
            await asyncio.wait_for(self._arrived.wait(), heartbeat_seconds)
        except TimeoutError:
            return '{"heartbeat":true}'
        dropped, self._dropped = self._dropped, 0
        message = self._ready.message if self._ready and not self._alerts else None
        taken = self._taken()
        alerts = list(self._alerts)
        self._alerts.clear()
        return message or _message(taken, dropped, alerts)

    def _taken(self) -> list[bytes]:
        """The oldest that wait, about `FRAME_BYTES` of them but at least one; all of them when they are ready."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and (self._ready or size < FRAME_BYTES):
            _, encoded = self._waiting.popleft()
            taken.append(encoded)
            size += len(encoded)
        self._bytes -= size
        self._ready = None
        if not self._waiting:
            self._arrived.clear()
        return taken

    def _wants(self, event: HookEvent) -> bool:
        return all(getattr(event, name) == value for name, value in self._filters)


class LiveHub:
    """Takes durable events from the acknowledger and offers them to every subscription."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._gathered = Batch()
        self._task: asyncio.Task[None] | None = None

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._subscriptions)

    def publish(self, events: Sequence[HookEvent]) -> None:
        """Gathers events for `GATHER_SECONDS`, beginning with the loop's next turn.

        Costs nothing while nobody is connected.
        """
        if self._subscriptions:
            asyncio.get_running_loop().call_soon(self._gather, events)

    def _gather(self, events: Sequence[HookEvent]) -> None:
        self._gathered.add(events)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._fan_out())

    def alert(self, event: HookEvent, leaks: Sequence[Leak]) -> None:
        """Tells at once which secrets of vendors went through an event: rule and path, never the secret."""
        about = {"session_id": event.session_id, "seq": event.seq}
        alerts = [_encoder.encode({"rule": leak.rule, "path": leak.path, **about}) for leak in leaks]
        for subscription in self._subscriptions:
            subscription.warn(event, alerts)

    def subscribe(self, filters: Mapping[str, str]) -> Subscription:
        """A new client's subscription; end it with `unsubscribe`."""
        subscription = Subscription(filters)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forgets a client and what waited for it."""
        self._subscriptions.discard(subscription)

    async def _fan_out(self) -> None:
        try:
            while self._gathered.events:
                await asyncio.sleep(GATHER_SECONDS)
                gathered, self._gathered = self._gathered, Batch()
                await self._offer(gathered)
        finally:
            self._task = None

    async def _offer(self, batch: Batch) -> None:
        """Passes events on, a few clients at a time: between them the loop takes new events in."""
        subscriptions = tuple(self._subscriptions)
        pause = pause_seconds(len(subscriptions))
        for start in range(0, len(subscriptions), AT_ONCE):
            for subscription in subscriptions[start : start + AT_ONCE]:
                subscription.offer(batch)
            await asyncio.sleep(pause)


def pause_seconds(clients: int) -> float:
    """How long to wait between the few that are served at once, with so many clients."""
    return SPREAD_SECONDS * AT_ONCE / clients if clients > CROWD else 0.0


def _message(encoded: Sequence[bytes], dropped: int, alerts: Sequence[bytes] = ()) -> str:
    told = b'"dropped":%d,' % dropped if dropped else b""
    if alerts:
        told += b'"alerts":[' + b",".join(alerts) + b"],"
    return (b"{" + told + b'"events":[' + b",".join(encoded) + b"]}").decode()
