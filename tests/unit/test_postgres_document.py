import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.postgres.document import document, payload_as_text, without_refused_characters
from tests.recorded_events import recorded_events

ANY_TEXT = st.text(st.characters())  # surrogates included, as JSON can say them

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


def accepted(value: object) -> object:
    """What the rule makes of decoded JSON."""
    if isinstance(value, str):
        halves = ("\ufffd" if 0xD800 <= ord(char) < 0xE000 else char for char in value)
        return "".join(halves).replace("\0", "\u2400")
    if isinstance(value, list):
        return [accepted(item) for item in value]
    if isinstance(value, dict):
        return {accepted(key): accepted(item) for key, item in value.items()}
    return value


@given(JSON)
def test_only_refused_characters_change(value: object) -> None:
    """NUL becomes U+2400 and half a surrogate pair U+FFFD, in keys and values; all else stays."""
    text = json.dumps(value).encode()  # escapes all that is not ASCII
    paired = json.loads(text)  # an upper half before a lower one is one character
    assert accepted(paired) == json.loads(without_refused_characters(text))


@given(JSON)
def test_the_rule_is_idempotent(value: object) -> None:
    """What was accepted once passes as it is."""
    once = without_refused_characters(json.dumps(value).encode())
    assert once == without_refused_characters(once)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'"\\u0000"', rb'"\\u0000"'),
        (rb'"\\\u0000"', rb'"\\\u2400"'),
        (rb'"\uD83D\uDE00"', rb'"\uD83D\uDE00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ude00\ud83d"', rb'"\ufffd\ufffd"'),
        (rb'"\ud83dx\ude00"', rb'"\ufffdx\ufffd"'),
        (rb'"\ud83d\\ude00"', rb'"\ufffd\\ude00"'),
        (rb'"\ud83d\n"', rb'"\ufffd\n"'),
    ],
)
def test_escapes_are_read_as_json_reads_them(text: bytes, expected: bytes) -> None:
    """An escaped backslash begins no escape, and pairs are found where JSON finds them."""
    assert expected == without_refused_characters(text)


def test_text_without_suspects_is_not_copied() -> None:
    """The common case passes untouched, the very same object."""
    text = rb'{"colour":"\u001b[31m","path":"C:\\users"}'
    assert text is without_refused_characters(text)


def test_a_document_holds_every_event_of_a_batch() -> None:
    """A document is the array of the events as the journal encodes them."""
    events = recorded_events(3)
    assert [event.event_id for event in events] == [row["event_id"] for row in json.loads(document(events))]


@pytest.mark.parametrize("payload", [b'{"a":1e999999}', "[[“”]]".encode(), b'{"not utf-8":"\xff"}', b"{"])
def test_a_payload_as_text_is_one_string(payload: bytes) -> None:
    """Whatever bytes a payload has, as text it is a JSON string that says them."""
    event = payload_as_text(msgspec.structs.replace(recorded_events(1)[0], payload=msgspec.Raw(payload)))
    assert payload.decode(errors="replace") == json.loads(bytes(event.payload))
