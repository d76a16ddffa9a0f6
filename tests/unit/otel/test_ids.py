"""Ids of traces and spans."""

import pytest

from sidecar.otel import ids

TURN = {"session_id": "s", "prompt_id": "p", "event_id": "e"}


def test_ids_are_frozen() -> None:
    """Ids are part of what was exported: the same input gives the same id in every version, on every host."""
    assert "c231b42baf64801657a24474c853b9de" == ids.trace_id("s", "p")
    assert "3e50360c557bc16b" == ids.span_id("s", "p", ids.TOOL, "t")


def test_parts_do_not_run_together() -> None:
    """Different parts never read as the same text."""
    assert ids.span_id("s", "p", ids.TOOL, "ab") != ids.span_id("s", "pt", ids.TOOL, "b")
    assert ids.trace_id("a", "bc") != ids.trace_id("ab", "c")


def test_ids_take_any_string() -> None:
    """Lone surrogates, NUL and the empty string have ids too."""
    assert 3 == len({ids.trace_id(text, None) for text in ("\ud800", "\x00", "")})


def test_events_belong_to_tool_subagent_or_turn() -> None:
    """A tool event belongs to its tool, another event of a subagent to the subagent, the rest to the turn."""
    trace = ids.trace_id("s", "p")
    tool = ids.ids_of(**TURN, hook_event_name="PostToolUse", tool_use_id="t", agent_id="a")
    batch = ids.ids_of(**TURN, hook_event_name="PostToolBatch", agent_id="a")
    stop = ids.ids_of(**TURN, hook_event_name="Stop")
    assert (trace, ids.span_id("s", "p", ids.TOOL, "t")) == tool
    assert (trace, ids.span_id("s", "p", ids.SUBAGENT, "a")) == batch
    assert (trace, ids.span_id("s", "p", ids.TURN)) == stop


def test_guide_events_know_no_subagents() -> None:
    """In the guide's format `agent_id` is the main agent, so its events belong to the turn."""
    found = ids.ids_of(session_id="s", prompt_id=None, event_id="e", hook_event_name="AGENT_START", agent_id="main")
    assert (ids.trace_id("s", None), ids.span_id("s", None, ids.TURN, "e")) == found


def test_no_id_is_all_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such an id is invalid in every trace format: a hash of zeros gives another."""

    class Zeros:
        def __init__(self, _: bytes, *, digest_size: int) -> None:
            self._size = digest_size

        def hexdigest(self) -> str:
            return "00" * self._size

    monkeypatch.setattr(ids, "blake2b", Zeros)
    assert ("0" * 31 + "1", "0" * 15 + "1") == (ids._digest(16, "a"), ids._digest(8, "a"))
