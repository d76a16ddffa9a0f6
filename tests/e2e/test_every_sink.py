"""Every recorded session, through HTTP into the real sidecar, found in every sink."""

from collections.abc import Iterator

import pytest

from tests.e2e.replay import TOOL_ENDS, Replay, comparable, replayed, tool_calls
from tests.recorded import NAMES
from tests.servers import Server
from tests.waiting import until

EXPECTED_TOOL_CALLS = {"basic": 5, "failure": 4, "parallel": 7}


@pytest.fixture(scope="module", name="replay")
def _replay(redis_server: Server, postgres_server: Server) -> Iterator[Replay]:
    with replayed(NAMES, redis_server, postgres_server) as replay:
        yield replay


def test_every_event_is_in_the_store(replay: Replay) -> None:
    """Each acknowledged event is one row, in the order of the acknowledgements."""
    expected = [(body["session_id"], body["hook_event_name"]) for one in replay.posted.values() for body in one]

    assert expected == [(row["session_id"], row["hook_event_name"]) for row in replay.rows]
    assert list(range(1, 206)) == [row["seq"] for row in replay.rows]


def test_every_event_is_in_redis(replay: Replay) -> None:
    """The stream holds the same events as the store, field by field."""
    assert [comparable(row) for row in replay.rows] == [comparable(entry) for entry in replay.entries]


def test_every_event_is_in_postgres(replay: Replay) -> None:
    """The table holds the same events as the store, field by field."""
    assert [comparable(row) for row in replay.rows] == [comparable(row) for row in replay.table]


def test_every_event_is_a_log_record(replay: Replay) -> None:
    """Each event is one log record with its id; where it names a span, that span was exported."""
    exported = {(span.trace_id, span.span_id) for span in replay.spans} | {(None, None)}

    assert [row["event_id"] for row in replay.rows] == [one.attributes["log.record.uid"] for one in replay.logs]
    assert set() == {(one.trace_id, one.span_id) for one in replay.logs} - exported
    assert {"claude-code"} == {one.resource["service.name"] for one in replay.logs}


@pytest.mark.parametrize("name", EXPECTED_TOOL_CALLS)
def test_every_tool_call_is_one_span(replay: Replay, name: str) -> None:
    """Each tool call whose end was recorded is exactly one span, under a span of the same trace, within its time."""
    wanted = replay.tool_use_ids(name)
    spans = [span for span in tool_calls(replay.spans) if span.attributes["gen_ai.tool.call.id"] in wanted]
    by_id = {(span.trace_id, span.span_id): span for span in replay.spans}

    assert EXPECTED_TOOL_CALLS[name] == len(wanted) == len(spans)
    for span in spans:
        parent = by_id[span.trace_id, span.parent_span_id or ""]
        assert parent.name.startswith("invoke_agent")
        assert parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns


def test_spans_run_from_receipt_to_receipt(replay: Replay) -> None:
    """A tool's span begins when its PreToolUse was received and ends when its end was."""
    calls = replay.sidecar.sql("SELECT tool_use_id, epoch_us(started_at), epoch_us(ended_at) FROM tool_calls")
    expected = {call: (start * 1000, end * 1000) for call, start, end in calls}

    found = {
        span.attributes["gen_ai.tool.call.id"]: (span.start_ns, span.end_ns) for span in tool_calls(replay.spans)
    }

    assert expected == {call: found[call] for call in expected}


def test_columns_name_the_span(replay: Replay) -> None:
    """`trace_id` and `span_id` of a tool's rows are those of its span."""
    ends = {row["tool_use_id"]: row for row in replay.rows if row["hook_event_name"] in TOOL_ENDS}
    found = {span.attributes["gen_ai.tool.call.id"]: span for span in tool_calls(replay.spans)}

    assert {(row["trace_id"], row["span_id"]) for row in ends.values()} == {
        (found[call].trace_id, found[call].span_id) for call in ends
    }


def test_exported_spans_can_be_asked(replay: Replay) -> None:
    """The table `spans` holds the spans that the backend got."""
    expected = {(span.trace_id, span.span_id, span.name) for span in replay.spans}
    query = "SELECT trace_id, span_id, name FROM spans"

    until(lambda: expected == set(map(tuple, replay.sidecar.sql(query))), "spans are stored", replay.sidecar.output)
