"""The bridge from the journal's thread to the event loop: an append that can be awaited."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from sidecar import events
from sidecar.errors import NotDurableError
from sidecar.events import HookEvent
from sidecar.journal import Appended, Entry, JournalWriter

Publish = Callable[[Sequence[HookEvent]], None]
Done = Callable[[list[HookEvent] | NotDurableError], None]
Answer = TypeVar("Answer")


class Acknowledger:
    """Appends events and resolves once they are durable; new ones are published in journal order.

    Args:
        journal: the writer, shared by all requests.
        publish: takes events as they become durable, with their sequence numbers, on the event loop; it must return
            at once, since not everyone who waits for an answer has it yet.
    """

    def __init__(self, journal: JournalWriter, publish: Publish) -> None:
        self._journal = journal
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Waiting] = []
        self._under_way = 0
        """Groups that the journal's thread has and that were not told of."""
        self.commit_ns = 0
        """Nanoseconds that the commit took whose events were told of last."""

    @property
    def last_seq(self) -> int:
        """Sequence number of the last durable event."""
        return self._journal.last_seq

    async def append(self, new: Sequence[HookEvent], *, given: Sequence[bool]) -> list[HookEvent]:
        """The events with their sequence numbers, once they are durable; as `queue`.

        Raises:
            NotDurableError: none of them was taken.
        """
        future: asyncio.Future[list[HookEvent]] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self.hand_over)
        self.queue(new, partial(_settle, future), given=given)
        return await future

    def queue(self, new: Sequence[HookEvent], done: Done, *, given: Sequence[bool]) -> None:
        """Makes events durable in one commit, once they are handed over.

        Args:
            new: the events, in order.
            done: told them with their sequence numbers once they are durable, or why none of them was taken; on the
                event loop.
            given: for each whether the client chose its id: one that was appended before is not appended again.
        """
        entries = [
            Entry(event.event_id, events.encode(event), is_given) for event, is_given in zip(new, given, strict=True)
        ]
        self._gathered.append(_Waiting(done, new, entries))

    def hand_over(self) -> None:
        """Gives the journal all that is queued: one wake-up of its thread for a group."""
        if not self._gathered:
            return  # somebody else's turn took it along
        gathered, self._gathered = self._gathered, []
        entries = [entry for waiting in gathered for entry in waiting.entries]
        # While a group before it waits for its turn of the loop, one that is told of at once would overtake it.
        alone = self._journal.append_now(entries) if len(entries) == 1 and not self._under_way else None
        if alone is not None:
            self._resolve(gathered, alone, self._journal.commit_ns)
            return
        try:
            self._journal.append(entries, partial(self._committed, gathered))
            self._under_way += 1
        except NotDurableError as error:
            self._resolve(gathered, error)

    def _committed(self, gathered: Sequence["_Waiting"], answer: list[Appended] | NotDurableError) -> None:
        """On the journal's thread."""
        self._loop.call_soon_threadsafe(self._return, gathered, answer, self._journal.commit_ns)

    def _return(
        self, gathered: Sequence["_Waiting"], answer: list[Appended] | NotDurableError, commit_ns: int
    ) -> None:
        self._under_way -= 1
        self._resolve(gathered, answer, commit_ns)

    def _resolve(
        self, gathered: Sequence["_Waiting"], answer: list[Appended] | NotDurableError, commit_ns: int = 0
    ) -> None:
        self.commit_ns = commit_ns
        if isinstance(answer, NotDurableError):
            for waiting in gathered:
                self.tell(waiting.done, answer)
            return
        appended = iter(answer)
        fresh: list[HookEvent] = []
        for done, new, _ in gathered:
            numbered: list[HookEvent] = []
            for event, (seq, repeated) in zip(new, appended, strict=False):  # the answer goes on with the next
                numbered.append(msgspec.structs.replace(event, seq=seq))
                if not repeated:
                    fresh.append(numbered[-1])
            self.tell(done, numbered)
        self._publish(fresh)

    def tell(self, done: Callable[[Answer], None], answer: Answer) -> None:
        """Calls it; one that fails fails alone, and the event loop hears of it."""
        try:
            done(answer)
        except Exception as error:  # noqa: BLE001  the others wait too
            self._loop.call_exception_handler({"message": "an acknowledgement failed", "exception": error})


class _Waiting(NamedTuple):
    done: Done
    new: Sequence[HookEvent]
    entries: list[Entry]


def _settle(future: asyncio.Future[list[HookEvent]], answer: list[HookEvent] | NotDurableError) -> None:
    if future.cancelled():
        return
    if isinstance(answer, NotDurableError):
        future.set_exception(answer)
    else:
        future.set_result(answer)
