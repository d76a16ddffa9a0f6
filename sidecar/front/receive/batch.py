"""Telling one event from many: a JSON object, a JSON array, or NDJSON."""

from typing import Any

from sidecar.errors import BadRequestError
from sidecar.front.processor import Incoming, decoded
from sidecar.front.receive.body import NDJSON_TYPES
from sidecar.redact import encode

MAX_EVENTS = 10_000
"""Events of one request; each gets its own result."""


def incoming_events(body: bytes, media_type: str) -> list[Incoming | BadRequestError] | None:
    """The events of a request with many; None when it is one event (a JSON object).

    A line of NDJSON that is not JSON fails alone.

    Raises:
        BadRequestError: not JSON at all, or over `MAX_EVENTS` events.
    """
    if media_type in NDJSON_TYPES:
        return _bounded([_line(line) for line in body.splitlines() if line.strip()])
    if not body.lstrip(b" \t\r\n").startswith(b"["):
        return None
    value = decoded(body)
    return _bounded([Incoming(one, _size_of(one)) for one in value])


def _line(line: bytes) -> Incoming | BadRequestError:
    try:
        return Incoming(decoded(line), len(line))
    except BadRequestError as error:
        return error


def _size_of(value: Any) -> int:
    return len(encode(value))


def _bounded(events: list[Incoming | BadRequestError]) -> list[Incoming | BadRequestError]:
    if len(events) > MAX_EVENTS:
        raise BadRequestError(
            f"{len(events)} events in one request", hint=f"send at most {MAX_EVENTS} events at a time"
        )
    return events
