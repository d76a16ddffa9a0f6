"""Reading fields of a payload that may hold anything: the wrong type is as good as absent."""

import math
import re
from typing import Any

from sidecar.errors import BadRequestError

MAX_ERROR_CHARS = 2000
"""The `error` column is for reading and grouping; the payload holds the whole text."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def text(payload: dict[str, Any], key: str) -> str | None:
    """A non-empty string, else None; half of a surrogate pair, which no sink can hold, becomes U+FFFD."""
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        return None
    return value if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)


def number(payload: dict[str, Any], key: str) -> float | None:
    """A finite number (booleans are none), else None."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def error_text(payload: dict[str, Any], *keys: str) -> str | None:
    """The first of these fields that is a string, cut to `MAX_ERROR_CHARS`."""
    found = next((value for key in keys if (value := text(payload, key))), None)
    return found[:MAX_ERROR_CHARS] if found else None


def session_id(payload: dict[str, Any]) -> str:
    """The session, which every event must name.

    Raises:
        BadRequestError: there is none, or it is no string.
    """
    found = text(payload, "session_id")
    if found is None:
        raise BadRequestError("the event has no session_id", hint="send session_id as a non-empty string")
    return found
