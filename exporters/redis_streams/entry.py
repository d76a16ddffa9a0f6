"""An event as the fields of a stream entry: text that a consumer reads without our code."""

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from sidecar.events import FIELDS, EventType, HookEvent, iso

TIMES = frozenset({"received_at", "occurred_at"})


def entry(event: HookEvent) -> dict[str, str | bytes]:
    """The fields that have a value, under the names of `sidecar.events.FIELDS` and in their order.

    Times are ISO 8601 in UTC, numbers decimal text, booleans `true` or `false`; `payload` and `redactions`
    are JSON.

    Raises:
        ValueError: a time is outside the years 1 to 9999.
    """
    return {
        name: _moment(name, value) if name in TIMES else _WRITERS.get(type(value), msgspec.json.encode)(value)
        for name, value in zip(FIELDS, _values(event), strict=True)
        if value is not None
    }


def _number(value: float) -> str:
    """Without an exponent, which not every consumer reads."""
    return format(Decimal(repr(value)), "f")


def _moment(name: str, micros: int) -> str:
    try:
        return iso(micros)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{name} is outside the years 1 to 9999") from None


_values = attrgetter(*FIELDS)
_WRITERS: dict[type, Callable[[Any], str | bytes]] = {
    str: str,
    EventType: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _number,
    msgspec.Raw: bytes,
}
"""By type, for what is written as it is; everything else becomes JSON."""
