"""From a decoded payload to an event that may be kept: redacted, normalised, named. The same for every way in."""

import time
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from sidecar.agents import Normalise, Receipt
from sidecar.edges import metadata_at
from sidecar.errors import BadRequestError
from sidecar.event_ids import ID_FORM, new_event_id
from sidecar.events import HookEvent
from sidecar.otel.homes import Homes
from sidecar.otel.ids import ids_of
from sidecar.redact import Leak, PIIRedactor, Redacted, decode, encode, values_in

BESIDE_KEY = "leanvibe"
"""Under this key the payload holds what came beside it: the integration guide's agent id and name."""

MAX_VALUES = 150_000
"""Values of one body; what holds more would cost minutes and gigabytes, and only its ids are kept."""

HOW = "send one JSON object in UTF-8; many go to /api/v1/observability/hook-events: an array, or application/x-ndjson"
"""What is right where an event is no JSON, or no object."""
_MISSING = {"session_id": "session_id", "event": "hook_event_name"}
NOTHING: Mapping[str, str] = {}
"""What came beside a body that came alone."""


class Incoming(NamedTuple):
    """One decoded, still unredacted payload.

    Args:
        payload: decoded JSON.
        size_bytes: its length as it arrived.
        event_id: idempotency key that came beside the body, if any.
        beside: what else came beside it: `agent_id`, `agent_name`, `session_id`, `event`.
        received_at: microseconds since the epoch; now when not given.
        decode_ns: nanoseconds that decoding took.
        unread: the content was too much to be redacted and is not in the payload.
    """

    payload: Any
    size_bytes: int
    event_id: str | None = None
    beside: Mapping[str, str] = NOTHING
    received_at: int | None = None
    decode_ns: int = 0
    unread: bool = False


class Prepared(NamedTuple):
    """An event to append, whether the client chose its id, the secrets of vendors that it held, and nanoseconds."""

    event: HookEvent
    given: bool
    leaks: tuple[Leak, ...]
    decode_ns: int = 0
    redact_ns: int = 0
    normalise_ns: int = 0


def prepared(
    incoming: Incoming, normalise: Normalise, redactor: PIIRedactor, host: str, homes: Homes | None = None
) -> Prepared:
    """The event to append. Pure but for the clock, the id, and what `homes` knows of the session's subagents.

    Raises:
        BadRequestError: no object, no session, a bad event id.
    """
    one = prepared_all([(incoming, normalise)], redactor, host, homes)[0]
    if isinstance(one, Exception):
        raise one
    return one


def prepared_all(
    group: Sequence[tuple[Incoming, Normalise]], redactor: PIIRedactor, host: str, homes: Homes | None = None
) -> list[Prepared | Exception]:
    """As `prepared` of each, redacted together: the event at each place, or what `prepared` would raise."""
    started = time.perf_counter_ns()
    redacted = redactor.redact_all([_with_beside(one.payload, one.beside) for one, _ in group])
    share = (time.perf_counter_ns() - started) // max(1, len(group))
    answers: list[Prepared | Exception] = []
    for (one, normalise), its in zip(group, redacted, strict=True):
        try:
            answers.append(_prepared(one, normalise, its, redactor, host, share, homes))
        except Exception as error:  # noqa: BLE001  each fails alone; whoever asked raises it, or counts it
            answers.append(error)
    return answers


def _prepared(  # noqa: PLR0913, PLR0917 - what one event is made of
    incoming: Incoming,
    normalise: Normalise,
    redacted: Redacted,
    redactor: PIIRedactor,
    host: str,
    share: int,
    homes: Homes | None,
) -> Prepared:
    """One event, of whose group the redaction took `share` nanoseconds for each."""
    started = time.perf_counter_ns() - share
    if not isinstance(redacted.value, dict):
        raise BadRequestError("the event is no JSON object", hint=HOW)
    received_at = incoming.received_at or time.time_ns() // 1000
    given = _given_id(incoming.event_id or redacted.value.get("event_id"), redactor)
    payload = encode(redacted.value)
    redacted_at = time.perf_counter_ns()
    receipt = Receipt(
        event_id=given or new_event_id(received_at),
        received_at=received_at,
        host=host,
        payload=payload,
        size_bytes=incoming.size_bytes,
        redactions=redacted.counts,
        redaction_failed=redacted.failed or incoming.unread,
    )
    event = normalise(redacted.value, receipt)
    if homes is not None:
        event = homes.at_home(event)
    trace_id, span_id = ids_of(
        session_id=event.session_id,
        prompt_id=event.prompt_id,
        event_id=event.event_id,
        hook_event_name=event.hook_event_name,
        tool_name=event.tool_name,
        tool_use_id=event.tool_use_id,
        agent_id=event.agent_id,
    )
    now = time.perf_counter_ns()
    spent = round((now - started) / 1e6, 3)
    event = msgspec.structs.replace(event, trace_id=trace_id, span_id=span_id, processing_time_ms=spent)
    nanoseconds = (incoming.decode_ns, redacted_at - started, now - redacted_at)
    return Prepared(event, given is not None, redacted.leaks, *nanoseconds)


def incoming_of(
    body: bytes, event_id: str | None = None, beside: Mapping[str, str] = NOTHING, received_at: int | None = None
) -> Incoming:
    """One body, decoded; of one that holds more than `MAX_VALUES` values only what its two ends tell.

    Raises:
        BadRequestError: it is not JSON, or nested too deeply; says so without quoting the body.
    """
    size = len(body)
    if size > MAX_VALUES and values_in(body, MAX_VALUES) > MAX_VALUES:
        left = metadata_at(body, body, size, "too_many_values")
        return Incoming(left, size, event_id, beside, received_at, unread=True)
    started = time.perf_counter_ns()
    payload = decoded(body)
    return Incoming(payload, size, event_id, beside, received_at, time.perf_counter_ns() - started)


def decoded(body: bytes) -> Any:
    """The JSON value of a body; a byte order mark before it, as Windows' programs write one, says nothing.

    Raises:
        BadRequestError: it is not JSON, or nested too deeply; says so without quoting the body.
    """
    try:
        return decode(body.removeprefix(BOM_UTF8))
    except ValueError as error:
        raise BadRequestError(f"the body is not usable JSON: {error}", hint=HOW) from None


def _with_beside(payload: Any, beside: Mapping[str, str]) -> Any:
    """The payload with what it lacks, and with the guide's agent under a key of its own.

    None for what is no object: it will be refused, and there is nothing to redact.
    """
    if not isinstance(payload, dict):
        return None
    if not beside:
        return payload
    missing = {key: beside[name] for name, key in _MISSING.items() if beside.get(name) and key not in payload}
    agent = {name: beside[name] for name in ("agent_id", "agent_name") if beside.get(name)}
    return {**payload, **missing, **({BESIDE_KEY: agent} if agent else {})}


def _given_id(given: Any, redactor: PIIRedactor) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not ID_FORM.fullmatch(given) or redactor.redact_text(given) != given:
        raise BadRequestError(
            "event_id is no id", hint="1 to 128 letters, digits and . _ : - , such as a UUID; or leave it out"
        )
    return given
