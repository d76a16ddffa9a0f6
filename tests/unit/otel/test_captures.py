"""Spans of the recorded sessions of the real client."""

import itertools
from collections import Counter

import pytest

from sidecar.otel import ids, semconv
from sidecar.otel.model import Span
from sidecar.otel.spans import spans_of_turn
from tests import recorded


def turns_of(name: str) -> list[list[Span]]:
    found = (spans_of_turn(events) for events in recorded.by_trace(recorded.session(name)).values())
    return [spans for spans in found if spans]


def spans_of(name: str) -> list[Span]:
    return list(itertools.chain.from_iterable(turns_of(name)))


def tool_use_ids(spans: list[Span]) -> Counter[str]:
    return Counter(str(s.attributes[semconv.TOOL_CALL_ID]) for s in spans if semconv.TOOL_CALL_ID in s.attributes)


@pytest.mark.parametrize("name", recorded.NAMES)
def test_each_turn_is_one_connected_tree(name: str) -> None:
    """Every span but one hangs below another of its trace, without a cycle, and no id stands twice."""
    for spans in turns_of(name):
        parents = {span.span_id: span.parent_span_id for span in spans}
        assert len(spans) == len(parents)
        assert [None] == [parent for parent in parents.values() if parent is None]
        assert spans[-1].parent_span_id is None
        for span in spans:
            above, steps = span.parent_span_id, 0
            while above is not None:
                above, steps = parents[above], steps + 1
                assert steps <= len(spans)


@pytest.mark.parametrize("name", recorded.NAMES)
def test_no_span_ends_before_it_starts(name: str) -> None:
    """Times run forwards, and no child starts before its turn."""
    for spans in turns_of(name):
        assert [] == [span for span in spans if span.end_ns < span.start_ns]
        assert [] == [span for span in spans if span.start_ns < spans[-1].start_ns]


@pytest.mark.parametrize("name", recorded.NAMES)
def test_each_ended_call_is_one_span(name: str) -> None:
    """Each tool_use_id of PostToolUse, PostToolUseFailure or PostToolBatch gives exactly one span."""
    expected = set()
    for _, body in recorded.bodies(name):
        if body["hook_event_name"] in {"PostToolUse", "PostToolUseFailure"}:
            expected.add(body["tool_use_id"])
        expected |= {call["tool_use_id"] for call in body.get("tool_calls", ())}
    assert dict.fromkeys(expected, 1) == dict(tool_use_ids(spans_of(name)))


@pytest.mark.parametrize(("name", "ended"), [("basic", 5), ("failure", 4), ("parallel", 7)])
def test_calls_that_ran(name: str, ended: int) -> None:
    """As many calls ran as the session had."""
    ran = [span for span in spans_of(name) if semconv.TOOL_DURATION_MS in span.attributes]
    assert ended == len(ran)


@pytest.mark.parametrize(
    ("name", "only"), [("basic", 2), ("failure", 3), ("parallel", 2), ("big", 2), ("pii", 1), ("multi", 0)]
)
def test_calls_that_only_the_batch_shows(name: str, only: int) -> None:
    """A call that failed before PreToolUse is a span too, an error, and says where it was seen."""
    seen = [span for span in spans_of(name) if span.attributes.get(semconv.TOOL_BATCH_ONLY)]
    assert only == len(seen)
    assert [] == [span for span in seen if semconv.ERROR_TYPE not in span.attributes]


def test_error_types_of_the_failures() -> None:
    """Failures are told apart by few fixed words and the exit code."""
    found = [
        (span.attributes[semconv.TOOL_NAME], span.attributes[semconv.ERROR_TYPE])
        for span in spans_of("failure")
        if semconv.ERROR_TYPE in span.attributes
    ]
    assert [
        ("Bash", "nonzero_exit"),
        ("Read", "tool_error"),
        ("Edit", "tool_error"),
        ("NoSuchTool", "unknown_tool"),
        ("Bash", "invalid_input"),
        ("Bash", "timeout"),
        ("WebFetch", "tool_error"),
    ] == found


@pytest.mark.parametrize("name", ["subagent", "subagent_sync"])
def test_subagent_hangs_below_its_call(name: str) -> None:
    """A subagent's tools hang below it, it hangs below its Agent call, that below the turn."""
    spans = turns_of(name)[0]
    call = next(span for span in spans if span.name == "execute_tool Agent")
    agent = next(span for span in spans if span.name == "invoke_agent general-purpose")
    own = [span for span in spans if span.parent_span_id == agent.span_id]
    assert spans[-1].span_id == call.parent_span_id
    assert call.span_id == agent.parent_span_id
    assert ["execute_tool Bash", "execute_tool Read", "execute_tool Bash"] == [span.name for span in own]
    assert semconv.PARENT_INFERRED not in agent.attributes
    assert "claude-opus-5-5" == agent.attributes[semconv.REQUEST_MODEL]


def test_background_subagent_outlives_its_turn() -> None:
    """The turn ends at its Stop though its subagent runs on; the news of that is another turn."""
    first, second = turns_of("subagent")
    agent = next(span for span in first if span.name == "invoke_agent general-purpose")
    assert first[-1].end_ns < agent.end_ns < second[-1].start_ns


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [("basic", ["completed"]), ("apierror400", ["api_error"]), ("multi", ["completed"] * 3)],
)
def test_outcome(name: str, outcomes: list[str]) -> None:
    """Each turn says how it ended."""
    assert outcomes == [spans[-1].attributes[semconv.TURN_OUTCOME] for spans in turns_of(name)]


@pytest.mark.parametrize("name", recorded.NAMES)
def test_attribute_names_are_conventional(name: str) -> None:
    """No attribute goes out whose name and source are not in the semantic module."""
    used = {key for span in spans_of(name) for key in span.attributes}
    assert set() == used - semconv.SPAN_ATTRIBUTES


@pytest.mark.parametrize("name", recorded.NAMES)
def test_columns_of_events_name_exported_spans(name: str) -> None:
    """The span that an event's columns name is exported, wherever the event belongs to a turn."""
    exported = {(span.trace_id, span.span_id) for span in spans_of(name)}
    named = {(one.trace_id, one.span_id) for one in recorded.session(name) if one.prompt_id}
    assert set() == named - exported


@pytest.mark.parametrize("name", recorded.NAMES)
def test_no_content_unless_asked(name: str) -> None:
    """Without content capture nothing of prompts, inputs, results and error texts is on a span."""
    content = {
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.TOOL_CALL_ARGUMENTS,
        semconv.TOOL_CALL_RESULT,
    }
    spans = spans_of(name)
    assert set() == content & {key for span in spans for key in span.attributes}
    texts = [value for span in spans for value in span.attributes.values() if isinstance(value, str)]
    assert [] == [text for text in texts if len(text) > 64 or "\n" in text]


def test_captured_content_is_capped() -> None:
    """With content capture each attribute holds at most 8 KB."""
    for events in recorded.by_trace(recorded.session("big")).values():
        spans = spans_of_turn(events, capture_content=True)
        sizes = [len(str(value).encode()) for span in spans for value in span.attributes.values()]
        assert [] == [size for size in sizes if size > 8192]
        assert not spans or semconv.TOOL_CALL_RESULT in {key for span in spans for key in span.attributes}


def test_trace_is_the_turn() -> None:
    """All spans of a turn share the trace that its session and prompt give."""
    for spans in turns_of("multi"):
        root = spans[-1].attributes
        expected = ids.trace_id(str(root[semconv.SESSION_ID]), str(root[semconv.PROMPT_ID]))
        assert {expected} == {span.trace_id for span in spans}
