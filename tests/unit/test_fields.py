import pytest

from sidecar.agents import Normalise, Receipt, claude_code, fields, guide
from sidecar.events import decode, encode


@pytest.mark.parametrize("normalise", [claude_code.normalise, guide.normalise])
def test_halves_of_surrogate_pairs_reach_the_journal(normalise: Normalise) -> None:
    """An id or a name that was cut inside an emoji is kept with U+FFFD there, and can be encoded."""
    payload = {"session_id": "s\ud83d", "tool_name": "\ude00t", "error": "\ud83d", "success": False}
    receipt = Receipt(event_id="e", received_at=1, host="h", payload=b"{}")
    event = decode(1, encode(normalise(payload, receipt)))
    assert "s\ufffd" == event.session_id
    assert "\ufffdt" == event.tool_name


@pytest.mark.parametrize("value", [None, "", 5, 0.5, True, ["a"], {"a": "b"}])
def test_what_is_no_text_is_absent(value: object) -> None:
    """A field of the wrong type is as good as one that is not there."""
    assert fields.text({"name": value}, "name") is None


@pytest.mark.parametrize("value", ["a", "é", "😀", "\u2028"])
def test_text_is_kept(value: str) -> None:
    """Text that can be encoded stays as it is."""
    assert value == fields.text({"name": value}, "name")
