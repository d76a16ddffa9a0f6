"""Reading fields of a payload that may hold anything: the wrong type is as good as absent."""

import re
from typing import Any

from sidecar.errors import BadRequestError

MAX_ERROR_CHARS = 2000
"""The `error` column is for reading and grouping; the payload holds the whole text."""
MAX_TEXT_CHARS = 512
"""Of ids and names: what every sink can index (a PostgreSQL index entry ends at 2,704 bytes)."""
MAX_NUMBER = 1e12
"""Milliseconds: 31 years. What is longer was not measured, and breaks sums and dates."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def text(payload: dict[str, Any], key: str) -> str | None:
    """A non-empty string that is valid Unicode, cut to `MAX_TEXT_CHARS`, else None."""
    return _text(payload, key, MAX_TEXT_CHARS)


def number(payload: dict[str, Any], key: str) -> float | None:
    """A time that can have passed: a number from 0 to `MAX_NUMBER` (booleans are none), else None."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_NUMBER else None  # NaN is not


def error_text(payload: dict[str, Any], *keys: str) -> str | None:
    """The first of these fields that is a string, cut to `MAX_ERROR_CHARS`."""
    return next((value for key in keys if (value := _text(payload, key, MAX_ERROR_CHARS))), None)


def session_id(payload: dict[str, Any]) -> str:
    """The session, which every event must name.

    Raises:
        BadRequestError: there is none, or it is no string.
    """
    found = text(payload, "session_id")
    if found is None:
        raise BadRequestError("the event has no session_id", hint="send session_id as a non-empty string")
    return found


def _text(payload: dict[str, Any], key: str, most: int) -> str | None:
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        return None
    return value[:most] if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value[:most])
