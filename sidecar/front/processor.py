"""HookEventProcessor: from a received body to a durable, redacted event."""

import asyncio
import contextlib
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from sidecar.agents import Normalise, Receipt
from sidecar.errors import BadRequestError, DefectError, IngestError
from sidecar.events import HookEvent, new_event_id
from sidecar.front.acknowledge import Acknowledger
from sidecar.front.monitor import PerformanceMonitor
from sidecar.log import LOGGER
from sidecar.otel.ids import ids_of
from sidecar.redact import Leak, PIIRedactor, decode, encode

LARGE_BODY_BYTES = 64 * 1024
"""From here on a body is redacted on a thread, so that small events do not wait behind it."""

Alert = Callable[[HookEvent, Sequence[Leak]], None]
"""Told of a durable event through which secrets of vendors went."""

_EVENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class Prepared(NamedTuple):
    """An event to append, whether the client chose its id, and the secrets of vendors that it held."""

    event: HookEvent
    given: bool
    leaks: tuple[Leak, ...]


Prepare = Callable[..., Prepared]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One decoded, still unredacted payload.

    Args:
        payload: decoded JSON.
        size_bytes: its length as it arrived.
        event_id: idempotency key that came beside the body, if any.
    """

    payload: Any
    size_bytes: int
    event_id: str | None = None


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
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="redact")

    async def process(self, body: bytes, normalise: Normalise, event_id: str | None = None) -> HookEvent:
        """Takes one event; it is durable when this returns.

        Args:
            body: the JSON of one event.
            normalise: the agent's normaliser.
            event_id: the client's own id, when it came beside the body.

        Raises:
            BadRequestError: not JSON, no object, no session, a bad event id.
            NotDurableError: it could not be written, so it was not taken.
            DefectError: we failed on it.
        """
        return await self._take(len(body), self._prepare_body, body, normalise, event_id)

    async def process_many(self, incoming: Sequence[Incoming], normalise: Normalise) -> list[HookEvent | IngestError]:
        """Takes many events in one commit; the answer at each place is its event or why it was not taken."""
        started = time.perf_counter()
        results = await self._in_thread(self._prepare_all, incoming, normalise)
        good = [(i, r) for i, r in enumerate(results) if not isinstance(r, IngestError)]
        answer: list[HookEvent | IngestError] = [r if isinstance(r, IngestError) else r.event for r in results]
        self._monitor.failed(len(results) - len(good))
        if not good:
            return answer
        with self._counted(len(good)):
            durable = await self._append([prepared for _, prepared in good])
        self._monitor.processed(durable, time.perf_counter() - started)
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

    def close(self) -> None:
        """Releases the threads."""
        self._threads.shutdown()

    async def _take(self, size: int, prepare: Prepare, *args: Any) -> HookEvent:
        started = time.perf_counter()
        with self._counted():
            prepared = prepare(*args) if size < LARGE_BODY_BYTES else await self._in_thread(prepare, *args)
            durable = await self._append([prepared])
        self._monitor.processed(durable, time.perf_counter() - started)
        return durable[0]

    async def _append(self, new: Sequence[Prepared]) -> list[HookEvent]:
        """Makes events durable, then tells of the secrets that went through them."""
        given = any(prepared.given for prepared in new)
        durable = await self._acknowledger.append([prepared.event for prepared in new], given=given)
        for event, prepared in zip(durable, new, strict=True):
            if prepared.leaks:
                self._monitor.leaked(leak.rule for leak in prepared.leaks)
                if self._alert:
                    self._alert(event, prepared.leaks)
        return durable

    @contextlib.contextmanager
    def _counted(self, count: int = 1) -> Iterator[None]:
        """Counts what fails; a defect of ours is told by kind and place only: its text may quote content."""
        try:
            yield
        except IngestError:
            self._monitor.failed(count)
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, nothing of it may reach a log or an answer
            self._monitor.failed(count)
            place = traceback.extract_tb(error.__traceback__)[-1]
            LOGGER.error("an event was not taken: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
            raise DefectError("the event could not be processed", hint="the sidecar's log says where") from None

    def _prepare_body(self, body: bytes, normalise: Normalise, event_id: str | None) -> Prepared:
        return self._prepare(Incoming(decoded(body), len(body), event_id), normalise)

    def _prepare_all(self, incoming: Sequence[Incoming], normalise: Normalise) -> list[Prepared | IngestError]:
        return [self._prepared_or_error(one, normalise) for one in incoming]

    def _prepared_or_error(self, incoming: Incoming, normalise: Normalise) -> Prepared | IngestError:
        try:
            return self._prepare(incoming, normalise)
        except IngestError as error:
            return error

    def _prepare(self, incoming: Incoming, normalise: Normalise) -> Prepared:
        """The event to append. Pure but for the clock and the id."""
        started = time.perf_counter()
        if not isinstance(incoming.payload, dict):
            raise BadRequestError("the event is no JSON object", hint="send one object, or an array of objects")
        received_at = time.time_ns() // 1000
        redacted = self._redactor.redact(incoming.payload)
        given = self._given_id(incoming.event_id, redacted.value.get("event_id"))
        receipt = Receipt(
            event_id=given or new_event_id(received_at),
            received_at=received_at,
            host=self._host,
            payload=encode(redacted.value),
            size_bytes=incoming.size_bytes,
            redactions=redacted.counts,
            redaction_failed=redacted.failed,
        )
        event = normalise(redacted.value, receipt)
        trace_id, span_id = ids_of(
            session_id=event.session_id,
            prompt_id=event.prompt_id,
            event_id=event.event_id,
            hook_event_name=event.hook_event_name,
            tool_name=event.tool_name,
            tool_use_id=event.tool_use_id,
            agent_id=event.agent_id,
        )
        spent = round((time.perf_counter() - started) * 1000, 3)
        event = msgspec.structs.replace(event, trace_id=trace_id, span_id=span_id, processing_time_ms=spent)
        return Prepared(event, given is not None, redacted.leaks)

    def _given_id(self, beside: str | None, inside: Any) -> str | None:
        given = beside or inside
        if given is None:
            return None
        if not isinstance(given, str) or not _EVENT_ID.fullmatch(given) or self._redactor.redact_text(given) != given:
            raise BadRequestError(
                "event_id is no id", hint="1 to 128 letters, digits and . _ : - , such as a UUID; or leave it out"
            )
        return given

    async def _in_thread(self, work: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


def decoded(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        BadRequestError: it is not JSON, or nested too deeply; says so without quoting the body.
    """
    try:
        return decode(body)
    except ValueError as error:
        raise BadRequestError(f"the body is not usable JSON: {error}") from None
