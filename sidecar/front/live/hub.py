"""Bounded fan-out: events are gathered for a moment, encoded once, and given to every client that wants them."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from sidecar.events import HookEvent, public

GATHER_SECONDS = 0.05
CLIENT_EVENTS = 2000
"""Events waiting for one slow client; beyond it the oldest are dropped and counted."""
CLIENT_BYTES = 32 * 1024 * 1024
FRAME_BYTES = 1024 * 1024
"""About the largest frame: what waits for a client is shared by all clients, what is being sent is not."""
FILTERS = ("session_id", "agent", "agent_id", "event_type", "tool_name")

_encoder = msgspec.json.Encoder()


class Shown(msgspec.Struct, frozen=True):
    """One event with its encoding, shared by all clients."""

    event: HookEvent
    encoded: bytes


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
        self._arrived = asyncio.Event()
        self._has = 0
        self.lost_through = 0
        """Sequence number of the last event that was dropped here."""

    def offer(self, shown: Sequence[Shown]) -> None:
        """Queues those that pass the filters; drops the oldest beyond the bounds."""
        for one in shown:
            if one.event.seq > self._has and self._wants(one.event):
                self._waiting.append((one.event.seq, one.encoded))
                self._bytes += len(one.encoded)
        while len(self._waiting) > CLIENT_EVENTS or self._bytes > CLIENT_BYTES:
            seq, encoded = self._waiting.popleft()
            self._bytes -= len(encoded)
            self._dropped += 1
            self.lost_through = seq
        if self._waiting:
            self._arrived.set()

    def skip_through(self, seq: int) -> None:
        """Whatever is numbered up to `seq` is not for the client: it has it from the store."""
        self._has = seq
        while self._waiting and self._waiting[0][0] <= seq:
            self._bytes -= len(self._waiting.popleft()[1])
        if self.lost_through <= seq:
            self._dropped = 0
        if not self._waiting:
            self._arrived.clear()

    async def next_frame(self, heartbeat_seconds: float) -> bytes:
        """The next message: `{"events": […]}`, with `dropped` when some were; or `{"heartbeat": true}` when quiet."""
        try:
            await asyncio.wait_for(self._arrived.wait(), heartbeat_seconds)
        except TimeoutError:
            return b'{"heartbeat":true}'
        body = b",".join(self._taken())
        if not self._waiting:
            self._arrived.clear()
        dropped, self._dropped = self._dropped, 0
        head = b'{"dropped":%d,"events":[' % dropped if dropped else b'{"events":['
        return head + body + b"]}"

    def _taken(self) -> list[bytes]:
        """The oldest that wait, about `FRAME_BYTES` of them but at least one."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < FRAME_BYTES:
            _, encoded = self._waiting.popleft()
            taken.append(encoded)
            size += len(encoded)
        self._bytes -= size
        return taken

    def _wants(self, event: HookEvent) -> bool:
        return all(getattr(event, name) == value for name, value in self._filters)


class LiveHub:
    """Takes durable events from the acknowledger and offers them to every subscription."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._gathered: list[HookEvent] = []
        self._flush: asyncio.TimerHandle | None = None

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._subscriptions)

    def publish(self, events: Sequence[HookEvent]) -> None:
        """Gathers events for at most `GATHER_SECONDS`; costs nothing while nobody is connected."""
        if not self._subscriptions:
            return
        self._gathered.extend(events)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._fan_out)

    def subscribe(self, filters: Mapping[str, str]) -> Subscription:
        """A new client's subscription; end it with `unsubscribe`."""
        subscription = Subscription(filters)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forgets a client and what waited for it."""
        self._subscriptions.discard(subscription)

    def _fan_out(self) -> None:
        self._flush = None
        gathered, self._gathered = self._gathered, []
        shown = [Shown(event, _encoder.encode(public(event))) for event in gathered]
        for subscription in self._subscriptions:
            subscription.offer(shown)
