"""HookEventProcessor: from a received body to a durable, redacted event."""

import asyncio
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sidecar.agents import Normalise
from sidecar.errors import DefectError, IngestError, NotDurableError
from sidecar.events import HookEvent
from sidecar.front.acknowledge import Acknowledger
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.stages import Stages
from sidecar.intake import NOTHING, Incoming, Prepared, incoming_of, prepared, prepared_all
from sidecar.log import LOGGER
from sidecar.otel.homes import Homes
from sidecar.redact import Leak, PIIRedactor

LARGE_BODY_BYTES = 64 * 1024
"""From here on a body is redacted on a thread, so that small events do not wait behind it."""

TOGETHER_BYTES = 32 * 1024
"""Bodies that are redacted in one scan: with more of them there is nothing left to win."""

Alert = Callable[[HookEvent, Sequence[Leak]], None]
"""Told of a durable event through which secrets of vendors went."""

Done = Callable[[IngestError | None], None]
Item = TypeVar("Item")
Prepare = Callable[..., Prepared]


class HookEventProcessor:
    """Decodes, redacts, normalises, appends: one call per event or batch, each durable when it returns.

    Args:
        redactor: shared by all requests and threads.
        acknowledger: makes events durable.
        monitor: told the time that each event took, and each that could not be taken.
        host: name of this host.
        alert: told of secrets that went through.
    """

    def __init__(
        self,
        redactor: PIIRedactor,
        acknowledger: Acknowledger,
        monitor: PerformanceMonitor,
        host: str,
        alert: Alert | None = None,
    ) -> None:
        self._redactor = redactor
        self._acknowledger = acknowledger
        self._monitor = monitor
        self._host = host
        self._alert = alert
        self._homes = Homes()
        self.stages = Stages()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="redact")
        self._loop = asyncio.get_running_loop()
        self._taken: list[_Taken] = []

    async def process(
        self,
        body: bytes,
        normalise: Normalise,
        event_id: str | None = None,
        beside: Mapping[str, str] = NOTHING,
        *,
        began_ns: int | None = None,
    ) -> HookEvent:
        """Takes one event; it is durable when this returns.

        Args:
            body: the JSON of one event.
            normalise: the agent's normaliser.
            event_id: the client's own id, when it came beside the body.
            beside: what else came beside it, as `Incoming` has it.
            began_ns: when the request began, on the clock of `time.perf_counter_ns`; now when not given.

        Raises:
            BadRequestError: not JSON, no object, no session, a bad event id.
            NotDurableError: it could not be written, so it was not taken.
            DefectError: we failed on it.
        """
        return await self._take(len(body), self._prepare_body, body, normalise, event_id, beside, began_ns=began_ns)

    def take_now(self, body: bytes, normalise: Normalise, beside: Mapping[str, str], done: Done) -> bool:
        """As `process`, for a small body, without waiting: `done` is told None, or why not.

        What one turn of the event loop takes is redacted together and goes to the journal together.

        False when it cannot be decoded. Nothing has happened then, not even been counted: `process` tells why.
        """
        started = time.perf_counter_ns()
        try:
            incoming = incoming_of(body, None, beside)
        except Exception:  # noqa: BLE001  the ordinary way comes to the same end, counts it and tells why
            return False
        if not self._taken:
            self._loop.call_soon(self._prepare_taken)
        self._taken.append(_Taken(incoming, normalise, done, started))
        return True

    def _prepare_taken(self) -> None:
        taken, self._taken = self._taken, []
        for portion in portions(taken, lambda one: one.incoming.size_bytes):
            try:
                self._queue(
                    portion, prepared_all([one[:2] for one in portion], self._redactor, self._host, self._homes)
                )
            except Exception as error:  # noqa: BLE001  nobody may be left without an answer
                for one in portion:
                    self._refuse(one, error)
            self._acknowledger.hand_over()

    def _queue(self, portion: Sequence["_Taken"], answers: Sequence[Prepared | Exception]) -> None:
        good: list[tuple[_Taken, Prepared]] = []
        bad: list[tuple[_Taken, Exception]] = []
        for taken, one in zip(portion, answers, strict=True):
            if isinstance(one, Exception):
                bad.append((taken, one))
            else:
                good.append((taken, one))
        if good:
            told = partial(self._answered, good, time.perf_counter_ns())
            self._acknowledger.queue([one.event for _, one in good], told, given=[one.given for _, one in good])
        for taken, error in bad:
            self._refuse(taken, error)

    def _refuse(self, taken: "_Taken", error: Exception) -> None:
        self._loop.call_soon(taken.done, self._not_taken(error))

    def _answered(
        self, good: Sequence[tuple["_Taken", Prepared]], queued_ns: int, answer: list[HookEvent] | NotDurableError
    ) -> None:
        error = self._not_taken(answer, len(good)) if isinstance(answer, NotDurableError) else None
        for taken, _ in good:
            self._acknowledger.tell(taken.done, error)
        if not isinstance(answer, NotDurableError):  # whoever waits comes before what is counted
            now = time.perf_counter_ns()
            self._finish([one for _, one in good], answer, good[0][0].started_ns)
            for taken, one in good:
                self._note(one, taken.started_ns, taken.started_ns, now - queued_ns)

    async def process_many(self, incoming: Sequence[Incoming], normalise: Normalise) -> list[HookEvent | IngestError]:
        """Takes many events in one commit; the answer at each place is its event or why it was not taken."""
        started = time.perf_counter_ns()
        results: list[Prepared | Exception] = await self._in_thread(self._prepare_all, incoming, normalise)
        good = [(i, r) for i, r in enumerate(results) if isinstance(r, Prepared)]
        answer = [r.event if isinstance(r, Prepared) else self._not_taken(r) for r in results]
        if not good:
            return answer
        try:
            durable = await self._append([prepared for _, prepared in good])
        except Exception as error:  # noqa: BLE001  as above
            raise self._not_taken(error, len(good)) from None
        self._finish([prepared for _, prepared in good], durable, started)
        for (place, _), event in zip(good, durable, strict=True):
            answer[place] = event
        return answer

    async def process_metadata(
        self, metadata: Mapping[str, Any], size_bytes: int, normalise: Normalise, event_id: str | None = None
    ) -> HookEvent:
        """Takes what is left of an event whose body was over the limit: its ids, without any content.

        Raises:
            BadRequestError: not even the session is known.
            NotDurableError: it could not be written.
        """
        self._monitor.dropped("content_over_size_limit")
        return await self._take(0, self._prepare, Incoming(dict(metadata), size_bytes, event_id), normalise)

    async def process_spooled(self, incoming: Incoming, normalise: Normalise) -> HookEvent:
        """Takes the metadata that a forwarder kept of an event; raises as `process_metadata` does."""
        self._monitor.dropped("content_of_spooled_event")
        return await self._take(0, self._prepare, incoming, normalise)

    def drop_spooled(self) -> None:
        """Counts a spooled event of which nothing can be taken: its file is no spooled event, or is refused."""
        self._monitor.dropped("spooled_event_unusable")

    def refused(self, count: int = 1) -> None:
        """Counts events, or a request in place of its events, that were refused before they came here."""
        self._monitor.failed(count)

    def leave_out(self) -> None:
        """Counts an event that its sender does not want to be kept (`LEANVIBE_ENABLE_HOOKS=false`)."""
        self._monitor.dropped("hooks_disabled")

    def close(self) -> None:
        """Releases the threads."""
        self._threads.shutdown()

    async def _take(self, size: int, prepare: Prepare, *args: Any, began_ns: int | None = None) -> HookEvent:
        started = time.perf_counter_ns()
        try:
            prepared = prepare(*args) if size < LARGE_BODY_BYTES else await self._in_thread(prepare, *args)
            appended = time.perf_counter_ns()
            durable = await self._append([prepared])
        except Exception as error:  # noqa: BLE001  whatever it is, nothing of it may reach a log or an answer
            raise self._not_taken(error) from None
        self._finish([prepared], durable, started)
        self._note(prepared, began_ns or started, started, time.perf_counter_ns() - appended)
        return durable[0]

    def _note(self, one: Prepared, began_ns: int, started_ns: int, journal_ns: int) -> None:
        """Tells the stages of one event."""
        commit = min(self._acknowledger.commit_ns, journal_ns)
        spent = (one.decode_ns, one.redact_ns, one.normalise_ns, journal_ns - commit, commit)
        self.stages.note((started_ns - began_ns, *spent), time.perf_counter_ns() - began_ns)

    async def _append(self, new: Sequence[Prepared]) -> list[HookEvent]:
        return await self._acknowledger.append([one.event for one in new], given=[one.given for one in new])

    def _finish(self, new: Sequence[Prepared], durable: Sequence[HookEvent], started_ns: int) -> None:
        """Counts events that are durable, and tells of the secrets that went through them."""
        self._monitor.processed(durable, (time.perf_counter_ns() - started_ns) / 1e9)
        for event, one in zip(durable, new, strict=True):
            if one.leaks:
                self._monitor.leaked(leak.rule for leak in one.leaks)
                if self._alert:
                    self._alert(event, one.leaks)

    def _not_taken(self, error: Exception, count: int = 1) -> IngestError:
        """Counts what failed; a defect of ours is told by kind and place only: its text may quote content."""
        self._monitor.failed(count)
        if isinstance(error, IngestError):
            return error
        place = traceback.extract_tb(error.__traceback__)[-1]
        LOGGER.error("an event was not taken: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
        return DefectError("the event could not be processed", hint="the sidecar's log says where")

    def _prepare_body(
        self, body: bytes, normalise: Normalise, event_id: str | None, beside: Mapping[str, str]
    ) -> Prepared:
        return self._prepare(incoming_of(body, event_id, beside), normalise)

    def _prepare_all(self, incoming: Sequence[Incoming], normalise: Normalise) -> list[Prepared | Exception]:
        """In portions, so that no scan is long; what kept an event from being prepared stands in its place."""
        answers: list[Prepared | Exception] = []
        for portion in portions(incoming, lambda one: one.size_bytes):
            answers += prepared_all([(each, normalise) for each in portion], self._redactor, self._host, self._homes)
        return answers

    def _prepare(self, incoming: Incoming, normalise: Normalise) -> Prepared:
        return prepared(incoming, normalise, self._redactor, self._host, self._homes)

    async def _in_thread(self, work: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


class _Taken(NamedTuple):
    incoming: Incoming
    normalise: Normalise
    done: Done
    started_ns: int


def portions(items: Sequence[Item], size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """The same in the same order, in lists of up to `TOGETHER_BYTES`, or of one that is larger. Pure."""
    portion: list[Item] = []
    size = 0
    for one in items:
        size += size_of(one)
        if portion and size > TOGETHER_BYTES:
            yield portion
            portion, size = [], size_of(one)
        portion.append(one)
    if portion:
        yield portion
