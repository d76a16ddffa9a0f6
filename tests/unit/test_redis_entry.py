import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.redis_streams.entry import entry
from sidecar.events import FIELDS, HookEvent
from tests.recorded_events import recorded_events

EVENT = recorded_events(1)[0]

TEXT = st.text(st.characters(codec="utf-8"))


@given(
    st.fixed_dictionaries(
        {
            "occurred_at": st.integers(-62_135_596_800_000_000, 10**17),  # from the year 1 on
            "error": st.none() | TEXT,
            "success": st.none() | st.booleans(),
            "execution_time_ms": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "redactions": st.dictionaries(TEXT, st.integers(0, 2**63)),
            "size_bytes": st.integers(0, 2**63),
        }
    )
)
def test_an_entry_says_what_the_event_says(changes: dict[str, object]) -> None:
    """Every field but None is there, and reads back as the value that it had."""
    event: HookEvent = msgspec.structs.replace(EVENT, **changes)
    fields = entry(event)
    assert [name for name in FIELDS if getattr(event, name) is not None] == list(fields)
    moment = dt.datetime.fromisoformat(str(fields["occurred_at"]))
    assert event.occurred_at == (moment - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(microseconds=1)
    assert event.error == fields.get("error")
    assert {None: None, True: "true", False: "false"}[event.success] == fields.get("success")
    assert event.execution_time_ms == _number(fields.get("execution_time_ms"))
    assert event.redactions == msgspec.json.decode(fields["redactions"])
    assert str(event.size_bytes) == fields["size_bytes"]


@pytest.mark.parametrize(("value", "expected"), [(1e22, "1" + "0" * 22), (1e-7, "0.0000001"), (12.5, "12.5")])
def test_numbers_are_decimal_text(value: float, expected: str) -> None:
    """A number has no exponent, which not every consumer reads."""
    fields = entry(msgspec.structs.replace(EVENT, execution_time_ms=value))
    assert expected == str(fields["execution_time_ms"]).removesuffix(".0")


@pytest.mark.parametrize("micros", [10**18, -(10**18), 10**40])
def test_a_time_without_a_date_is_refused(micros: int) -> None:
    """A time outside the years 1 to 9999 is a ValueError that names its field."""
    with pytest.raises(ValueError, match="occurred_at"):
        entry(msgspec.structs.replace(EVENT, occurred_at=micros))


def _number(text: str | bytes | None) -> float | None:
    return None if text is None else float(text)
