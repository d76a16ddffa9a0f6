"""Laws of the guide's format."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.agents import Receipt
from sidecar.agents.guide import normalise, occurred_at
from sidecar.events import EventType

RECEIVED = 1_790_000_000_000_000
BODY = {
    "session_id": "s", "agent_id": "a", "event_type": "POST_TOOL_USE", "tool_name": "t", "parameters": {"x": 1},
    "result": [2], "execution_time_ms": 12.5, "timestamp": "2026-01-31T12:00:00.000001+01:00",
}  # fmt: skip


def receipt() -> Receipt:
    return Receipt(event_id="e", received_at=RECEIVED, host="h", payload=msgspec.json.encode(BODY))


def test_fields_stand_in_their_columns() -> None:
    """Every field of the guide has its column; the agent is custom unless it says otherwise."""
    event = normalise(BODY, receipt())

    assert ("s", "a", "t", 12.5, "custom") == (
        event.session_id, event.agent_id, event.tool_name, event.execution_time_ms, event.agent,
    )  # fmt: skip
    assert (EventType.POST_TOOL_USE, "POST_TOOL_USE", True) == (
        event.event_type,
        event.hook_event_name,
        event.success,
    )
    assert "mine" == normalise({**BODY, "agent": "mine"}, receipt()).agent


def test_further_ids_are_understood() -> None:
    """Prompt, tool call and the agent's own event name are taken when they are given."""
    body = {**BODY, "prompt_id": "p", "tool_use_id": "u", "hook_event_name": "Native", "success": False}

    event = normalise(body, receipt())

    assert ("p", "u", "Native", False) == (event.prompt_id, event.tool_use_id, event.hook_event_name, event.success)


def test_unknown_type_is_kept() -> None:
    """A type outside the vocabulary is OTHER under its own name."""
    event = normalise({"session_id": "s", "event_type": "DREAMING"}, receipt())

    assert (EventType.OTHER, "DREAMING") == (event.event_type, event.hook_event_name)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("1970-01-01T00:00:00", 0),
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("2026-01-31T12:00:00.000001", 1_769_860_800_000_001),
        ("yesterday", RECEIVED),
        ("9999-12-31T23:59:59-23:00", RECEIVED),
        (None, RECEIVED),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(timestamp: str | None, expected: int) -> None:
    """A time without a zone is UTC; one that cannot be read is that of the receipt."""
    assert expected == occurred_at(timestamp, RECEIVED)


@given(st.text())
def test_any_text_is_a_time_or_none(timestamp: str) -> None:
    """No text makes reading a time fail."""
    assert isinstance(occurred_at(timestamp, RECEIVED), int)
