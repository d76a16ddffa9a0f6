"""From the store to the live feed without gap or repeat: what a client missed, page by page, then what waits for it.

The subscription is there before the first page is asked, so every event is in the store, in the subscription, or in
both; the sequence number tells which of it the client has. A subscription that overflows meanwhile loses nothing:
what it dropped is read from the store as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from sidecar.errors import QueryLimitError, WorkerUnavailableError
from sidecar.front.live.hub import Subscription

PAGE_EVENTS = 500
ASK_SECONDS = 20.0
AGAIN_SECONDS = 0.5
"""Pause before a page is asked again, when the worker is being started or has too much to answer."""

Ask = Callable[[str, dict[str, Any], float], Awaitable[msgspec.Raw]]
Send = Callable[[bytes], Awaitable[None]]


class Page(msgspec.Struct):
    """One page of the store: its events as they are sent, and how far it tells everything."""

    events: msgspec.Raw
    last: int | None
    next_after: int | None
    through: int
    """The store held everything up to here when the page was read."""

    def position(self) -> int:
        """Up to which sequence number the client has everything once it has this page."""
        return self.next_after if self.next_after is not None else max(self.last or 0, self.through)


class Replay:
    """Reads the store for one client.

    Args:
        ask: the worker.
        last_seq: sequence number of the last acknowledged event.
        send: takes one frame; waits while the client is slow.
    """

    def __init__(self, ask: Ask, last_seq: Callable[[], int], send: Send) -> None:
        self._ask = ask
        self._last_seq = last_seq
        self._send = send

    async def catch_up(self, subscription: Subscription, filters: Mapping[str, str], after: int) -> int:
        """Sends everything after `after`; returns the number up to which the client then has everything.

        A number that was never reached (the client knew another journal) starts at the end of this one.
        What the subscription still holds comes right after it.
        """
        target = self._last_seq()
        position = min(after, target)
        subscription.skip_through(position)
        while position < max(target, subscription.lost_through):
            page = await self._page(filters, position)
            if page.last is not None:
                await self._send(b'{"events":' + bytes(page.events) + b"}")
            position = max(position, page.position())
            subscription.skip_through(position)
        return position

    async def _page(self, filters: Mapping[str, str], after: int) -> Page:
        """The next page; asks until there is one."""
        args = {"wanted": {**filters, "after": after, "limit": PAGE_EVENTS}, "after_seq": self._last_seq()}
        while True:
            try:
                return msgspec.json.decode(await self._ask("events", args, ASK_SECONDS), type=Page)
            except (WorkerUnavailableError, QueryLimitError):
                await asyncio.sleep(AGAIN_SECONDS)
