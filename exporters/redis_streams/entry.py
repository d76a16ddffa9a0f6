"""An event as the fields of a stream entry: text that a consumer reads without our code."""

from decimal import Decimal

import msgspec

from sidecar.events import FIELDS, HookEvent, iso

TIMES = frozenset({"received_at", "occurred_at"})


def entry(event: HookEvent) -> dict[str, str | bytes]:
    """The fields that have a value, under the names of `sidecar.events.FIELDS` and in their order.

    Times are ISO 8601 in UTC, numbers decimal text, booleans `true` or `false`; `payload` and `redactions`
    are JSON.

    Raises:
        ValueError: a time is outside the years 1 to 9999.
    """
    values = ((name, getattr(event, name)) for name in FIELDS)
    return {
        name: _moment(name, value) if name in TIMES else _text(value) for name, value in values if value is not None
    }


def _text(value: object) -> str | bytes:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return format(Decimal(repr(value)), "f")
        case msgspec.Raw():
            return bytes(value)
        case _:
            return msgspec.json.encode(value)


def _moment(name: str, micros: int) -> str:
    try:
        return iso(micros)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{name} is outside the years 1 to 9999") from None
