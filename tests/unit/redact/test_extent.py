"""What a body holds is told before it is built."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.agents import normaliser_of
from sidecar.intake import MAX_VALUES, incoming_of, prepared
from sidecar.redact import PIIRedactor, engine, extent, values_in
from sidecar.redact.salvage import DROPPED

ENDLESS = 10**9
JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\,[]{}é\n', max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text('k"\\,[{', max_size=4), inner, max_size=5),
    max_leaves=40,
)


def values_of(value: Any) -> int:
    """How many values there are, a container counting one."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_of, inside))


@settings(max_examples=300, deadline=None)
@given(JSON, st.integers(1, 64))
def test_never_fewer_than_there_are(value: Any, size: int) -> None:
    """Signs inside strings count nothing, wherever slices are cut, and no value is missed; at most twice as many."""
    body = json.dumps(value, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extent, "SLICE_BYTES", size)
        found = extent._outside_strings(body, ENDLESS)
        assert values_of(value) <= found <= 2 * values_of(value)
        assert found <= values_in(body, ENDLESS)


@pytest.mark.parametrize(
    "content",
    [b"[" * 9_000_000, b"[" + b"{}," * 3_000_000 + b"1]", b'["",' + b'"",' * 3_000_000 + b"1]", b"," * 1_000_000],
    ids=["nested", "objects", "strings", "no JSON"],
)
def test_what_holds_too_much_is_kept_without_content(content: bytes) -> None:
    """A body of more values than can be looked at is never built: its ids stay, and the event is marked."""
    body = b'{"session_id":"s-1","hook_event_name":"PostToolUse","c":' + content + b',"tool_use_id":"toolu_1234"}'
    incoming = incoming_of(body)
    kept = {"session_id": "s-1", "hook_event_name": "PostToolUse", "tool_use_id": "toolu_1234"}
    note = {"reason": "too_many_values", "size_bytes": len(body)}
    assert {**kept, "content_dropped": note} == incoming.payload
    assert incoming.unread
    assert len(body) == incoming.size_bytes


def test_as_much_as_may_be_is_read() -> None:
    """At the bound nothing is lost, one beyond it everything is; commas in text do not count."""
    body = b'{"session_id":"s","c":[' + b"1," * (MAX_VALUES - 4) + b'"' + b",[" * 10 + b'"]}'
    assert not incoming_of(body).unread
    assert incoming_of(body.replace(b"[1", b"[1,1", 1)).unread


def test_it_is_marked_as_not_redacted() -> None:
    """The event says that its content was dropped."""
    incoming = incoming_of(b'{"session_id":"jane@example.com","c":' + b"[" * (MAX_VALUES + 1))
    event = prepared(incoming, normaliser_of("claude-code"), PIIRedactor(), "h").event
    assert event.redaction_failed
    assert "jane@example.com" not in bytes(event.payload).decode()


def test_many_strings_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many strings a payload has, time is given once: what is not done by then is dropped."""
    monkeypatch.setattr(engine, "MOST_SECONDS", 0.05)
    payload = {"session_id": "s-1", "c": ["token=" * 3000 for _ in range(400)]}
    redacted = PIIRedactor().redact(payload)
    assert redacted.failed
    assert {"session_id": "s-1", "dropped": DROPPED} == redacted.value


def test_long_numbers_are_looked_at_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of digits that are no number of a person cost time too, and the clock is read between them."""
    monkeypatch.setattr(engine, "MOST_SECONDS", 0.0)
    assert PIIRedactor().redact({"session_id": "s-1", "c": list(range(10**9, 10**9 + 50_000))}).failed
