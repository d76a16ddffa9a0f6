"""Bounded fan-out: events are gathered for a moment, encoded once, and given to every client that wants them."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from sidecar.events import HookEvent, public
from sidecar.redact import Leak

GATHER_SECONDS = 0.05
CLIENT_EVENTS = 2000
"""Events waiting for one slow client; beyond it the oldest are dropped and counted."""
CLIENT_BYTES = 32 * 1024 * 1024
CLIENT_ALERTS = 200
"""Alerts waiting for one slow client."""
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
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._alerts: deque[bytes] = deque(maxlen=CLIENT_ALERTS)
        self._arrived = asyncio.Event()

    def offer(self, shown: Sequence[Shown]) -> None:
        """Queues those that pass the filters; drops the oldest beyond the bounds."""
        for one in shown:
            if self._wants(one.event):
                self._waiting.append(one.encoded)
                self._bytes += len(one.encoded)
        while len(self._waiting) > CLIENT_EVENTS or self._bytes > CLIENT_BYTES:
            self._bytes -= len(self._waiting.popleft())
            self._dropped += 1
        if self._waiting:
            self._arrived.set()

    def warn(self, event: HookEvent, alerts: Sequence[bytes]) -> None:
        """Queues alerts about an event that passes the filters; the oldest beyond the bound go."""
        if self._wants(event):
            self._alerts.extend(alerts)
            self._arrived.set()

    async def next_frame(self, heartbeat_seconds: float) -> bytes:
        """The next message: `{"events": […]}`, with `dropped` when some were and `alerts` when there are any.

        `{"heartbeat": true}` when quiet.
        """
        try:
            await asyncio.wait_for(self._arrived.wait(), heartbeat_seconds)
        except TimeoutError:
            return b'{"heartbeat":true}'
        body = b",".join(self._taken())
        if not self._waiting:
            self._arrived.clear()
        dropped, self._dropped = self._dropped, 0
        told = b'"dropped":%d,' % dropped if dropped else b""
        if self._alerts:
            told += b'"alerts":[' + b",".join(self._alerts) + b"],"
            self._alerts.clear()
        return b"{" + told + b'"events":[' + body + b"]}"

    def _taken(self) -> list[bytes]:
        """The oldest that wait, about `FRAME_BYTES` of them but at least one."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < FRAME_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
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

    def _fan_out(self) -> None:
        self._flush = None
        gathered, self._gathered = self._gathered, []
        shown = [Shown(event, _encoder.encode(public(event))) for event in gathered]
        for subscription in self._subscriptions:
            subscription.offer(shown)
