import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_round_trip(value: object) -> None:
    """What was encoded is decoded to the same value, integers of any size included."""
    assert value == decode(encode(value))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"n": 123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
        (b'["\\ud800"]', ["\ud800"]),
        (b'{"\\udfff": 1}', {"\udfff": 1}),
        (b"[" * 150 + b"]" * 150, json.loads("[" * 150 + "]" * 150)),
    ],
)
def test_odd_json_is_read(body: bytes, expected: object) -> None:
    """What clients really send is read: lone surrogates, integers beyond 64 bits, moderate nesting."""
    assert expected == decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"hunter2",
        b'{"password": hunter2}',
        b"\xff\xfe",
        b"[NaN]",
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_not_json_says_nothing(body: bytes) -> None:
    """A body that is refused raises ValueError without a byte of it, chained errors included."""
    with pytest.raises(ValueError) as caught:
        decode(body)
    assert str(caught.value) in {"not JSON", "nested too deeply"}
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ud800x", '"\ufffdx"'),
        ({"\udc00": 1}, '{"\ufffd":1}'),
        (2**70, str(2**70)),
        ([float("nan"), float("inf"), "\ud800"], '[null,null,"\ufffd"]'),
        (float("-inf"), "null"),
    ],
)
def test_output_is_always_json(value: object, expected: str) -> None:
    """The encoded form is valid UTF-8 JSON whatever strings and numbers there are."""
    assert expected == encode(value).decode()
