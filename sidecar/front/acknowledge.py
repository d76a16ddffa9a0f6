"""The bridge from the journal's thread to the event loop: an append that can be awaited."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from sidecar import events
from sidecar.errors import NotDurableError
from sidecar.events import HookEvent
from sidecar.journal import Appended, Entry, JournalWriter

Publish = Callable[[Sequence[HookEvent]], None]


class Acknowledger:
    """Appends events and resolves once they are durable; new ones are published in journal order.

    Args:
        journal: the writer, shared by all requests.
        publish: takes events as they become durable, with their sequence numbers, on the event loop.
    """

    def __init__(self, journal: JournalWriter, publish: Publish) -> None:
        self._journal = journal
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._done: deque[tuple[asyncio.Future[list[HookEvent]], list[HookEvent], _Answer]] = deque()
        self._scheduled = False

    @property
    def last_seq(self) -> int:
        """Sequence number of the last durable event."""
        return self._journal.last_seq

    def append(self, new: Sequence[HookEvent], *, given: bool) -> asyncio.Future[list[HookEvent]]:
        """Makes events durable in one commit; the future holds them with their sequence numbers.

        Args:
            new: the events, in order.
            given: the client chose the ids: one that was appended before is not appended again.

        Raises:
            NotDurableError: now or from the future: none of them was taken.
        """
        future: asyncio.Future[list[HookEvent]] = self._loop.create_future()
        batch = list(new)
        entries = [Entry(event.event_id, events.encode(event), given) for event in batch]
        self._journal.append(entries, lambda answer: self._committed(future, batch, answer))
        return future

    def _committed(self, future: asyncio.Future[list[HookEvent]], batch: list[HookEvent], answer: "_Answer") -> None:
        """On the journal's thread: one wake-up of the loop for a whole group."""
        self._done.append((future, batch, answer))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        self._scheduled = False
        while self._done:
            future, batch, answer = self._done.popleft()
            if isinstance(answer, NotDurableError):
                if not future.cancelled():
                    future.set_exception(answer)
                continue
            numbered = [msgspec.structs.replace(e, seq=a.seq) for e, a in zip(batch, answer, strict=True)]
            self._publish([e for e, a in zip(numbered, answer, strict=True) if not a.repeated])
            if not future.cancelled():
                future.set_result(numbered)


_Answer = list[Appended] | NotDurableError
