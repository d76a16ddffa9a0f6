"""Telling one event from many: a JSON object, a JSON array, or NDJSON."""

import io
import re
from codecs import BOM_UTF8
from itertools import islice
from typing import Any, TypeVar

import msgspec

from sidecar.errors import BadRequestError, TooLargeError
from sidecar.front.receive.body import NDJSON_TYPES
from sidecar.intake import Incoming, decoded, incoming_of
from sidecar.redact import encode, values_in

Item = TypeVar("Item")
MAX_EVENTS = 10_000
"""Events of one request; each gets its own result."""

MAX_REQUEST_VALUES = 1_000_000
"""Values of all events of one request together: a bound on memory that bytes alone do not give."""

_ARRAY = re.compile(rb"[ \t\r\n]*\[")
_array = msgspec.json.Decoder(list[msgspec.Raw])
"""Cuts an array into its elements without building them: what is too much is known before it costs memory."""


def incoming_events(body: bytes, media_type: str) -> list[Incoming | BadRequestError] | None:
    """The events of a request with many; None when it is one event (a JSON object).

    A line of NDJSON that is not JSON, and an element that is nested too deeply, fails alone.

    Raises:
        BadRequestError: not JSON at all, or over `MAX_EVENTS` events.
        TooLargeError: over `MAX_REQUEST_VALUES` values in all of them together.
    """
    if media_type in NDJSON_TYPES:
        lines = (line for line in io.BytesIO(body) if not line.isspace())
        return _lines(_bounded(list(islice(lines, MAX_EVENTS + 1))))
    body = body.removeprefix(BOM_UTF8)
    if not _ARRAY.match(body):
        return None
    _spend(body, MAX_REQUEST_VALUES)
    try:
        parts = _array.decode(body)
    except (msgspec.DecodeError, RecursionError):  # lone surrogates, which agents do send, or no JSON
        return [Incoming(one, len(encode(one))) for one in _bounded(decoded(body))]
    return [_one(bytes(part)) for part in _bounded(parts)]


def with_ids(many: list[Incoming | BadRequestError], key: str | None) -> list[Incoming | BadRequestError]:
    """The same, each event that names no id of its own by the request's key and its place: a repeat repeats none."""
    if key is None:
        return many
    return [
        one._replace(event_id=f"{key}:{place}") if isinstance(one, Incoming) and not _has_id(one.payload) else one
        for place, one in enumerate(many)
    ]


def _has_id(payload: Any) -> bool:
    return isinstance(payload, dict) and payload.get("event_id") is not None


def _lines(lines: list[bytes]) -> list[Incoming | BadRequestError]:
    left = MAX_REQUEST_VALUES
    events = []
    for line in lines:  # each by itself: what is no JSON tells nothing of the next one's strings
        left = _spend(line, left)
        events.append(_one(line))
    return events


def _spend(body: bytes, left: int) -> int:
    """How many values may still come after those of this body.

    Raises:
        TooLargeError: none.
    """
    left -= values_in(body, left)
    if left < 0:
        raise TooLargeError(f"more than {MAX_REQUEST_VALUES} values in one request", hint="send smaller batches")
    return left


def _one(body: bytes) -> Incoming | BadRequestError:
    try:
        return incoming_of(body)
    except BadRequestError as error:
        return error


def _bounded(events: list[Item]) -> list[Item]:
    """The same list, before anything is done with what is in it."""
    if len(events) > MAX_EVENTS:
        raise BadRequestError(
            f"more than {MAX_EVENTS} events in one request", hint=f"send at most {MAX_EVENTS} events at a time"
        )
    return events
