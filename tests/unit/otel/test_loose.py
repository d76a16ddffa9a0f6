"""Reading fields that may hold anything."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.otel import loose


@given(st.text(), st.integers(0, 4000), st.booleans())
def test_the_head_is_a_prefix(text: str, times: int, escaped: bool) -> None:
    """The head of a string is its beginning, cut nowhere within a character or an escape."""
    whole = (text * times)[:5000]
    found = loose.head(msgspec.Raw(_escaped(whole) if escaped else msgspec.json.encode(whole)))
    assert whole.startswith(found)
    assert len(found) >= min(len(whole), loose.HEAD_BYTES // 12 - 1)


def _escaped(text: str) -> bytes:
    units = text.encode("utf-16-be")
    return b'"' + b"".join(b"\\u" + units[at : at + 2].hex().encode() for at in range(0, len(units), 2)) + b'"'


@pytest.mark.parametrize(
    "raw", [b'"\xff"', b'"\\ud800"', b"1e999", b"{", b"[" * 100_000, b"7", b"null", b'"open', b""]
)
def test_what_is_no_text_is_absent(raw: bytes) -> None:
    """Broken UTF-8, lone surrogates, broken JSON and other types are as good as absent."""
    assert None is loose.typed(msgspec.Raw(raw), str)
    assert "" == loose.head(msgspec.Raw(raw))


def test_blocks() -> None:
    """Of a list of blocks the first one's text counts."""
    assert "a" == loose.head(msgspec.Raw(b'[{"type": "text", "text": "a"}, {"text": "b"}]'))
    assert "" == loose.head(msgspec.Raw(b"[]"))
    assert "" == loose.head(msgspec.Raw(b'[{"type": "image"}]'))
