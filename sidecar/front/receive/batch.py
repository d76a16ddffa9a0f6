"""Telling one event from many: a JSON object, a JSON array, or NDJSON."""

import io
from itertools import islice
from typing import TypeVar

import msgspec

from sidecar.errors import BadRequestError
from sidecar.front.processor import Incoming, decoded
from sidecar.front.receive.body import NDJSON_TYPES
from sidecar.redact import encode

Item = TypeVar("Item")
MAX_EVENTS = 10_000
"""Events of one request; each gets its own result."""

_array = msgspec.json.Decoder(list[msgspec.Raw])
"""Cuts an array into its elements without building them: what is too much is known before it costs memory."""


def incoming_events(body: bytes, media_type: str) -> list[Incoming | BadRequestError] | None:
    """The events of a request with many; None when it is one event (a JSON object).

    A line of NDJSON that is not JSON, and an element that is nested too deeply, fails alone.

    Raises:
        BadRequestError: not JSON at all, or over `MAX_EVENTS` events.
    """
    if media_type in NDJSON_TYPES:
        lines = (line for line in io.BytesIO(body) if not line.isspace())
        return [_one(line) for line in _bounded(list(islice(lines, MAX_EVENTS + 1)))]
    if not body.lstrip(b" \t\r\n").startswith(b"["):
        return None
    try:
        parts = _array.decode(body)
    except (msgspec.DecodeError, RecursionError):  # lone surrogates, which agents do send, or no JSON
        return [Incoming(one, len(encode(one))) for one in _bounded(decoded(body))]
    return [_one(bytes(part)) for part in _bounded(parts)]


def _one(body: bytes) -> Incoming | BadRequestError:
    try:
        return Incoming(decoded(body), len(body))
    except BadRequestError as error:
        return error


def _bounded(events: list[Item]) -> list[Item]:
    """The same list, before anything is done with what is in it."""
    if len(events) > MAX_EVENTS:
        raise BadRequestError(
            f"more than {MAX_EVENTS} events in one request", hint=f"send at most {MAX_EVENTS} events at a time"
        )
    return events
