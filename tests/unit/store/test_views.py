"""Laws of the views: SQL tells of calls, turns and sessions what spans tell of them."""

import datetime as dt
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

from sidecar.agents import Receipt, claude_code, guide
from sidecar.events import HookEvent
from sidecar.otel import semconv
from sidecar.otel.changes import changes_of
from sidecar.otel.ids import ids_of
from sidecar.otel.instruments import TOOL_CALLS
from sidecar.otel.kinds import GUIDE, NATIVE, Kind
from sidecar.otel.memory import is_turn_root
from sidecar.otel.model import Span
from sidecar.otel.turns import TurnAssembler
from sidecar.worker.store import sealing
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.rows import COLUMNS
from sidecar.worker.store.store import Store
from tests import recorded

START = 1_790_000_000_000_000


def claude(seq: int, name: str, at_ms: float | None = None, **body: object) -> HookEvent:
    """One native event of session `s`, prompt `p`: `at_ms` after the start, else as many as its number."""
    return _event(claude_code, seq, at_ms, {"hook_event_name": name, "prompt_id": "p", **body})


def custom(seq: int, name: str, at_ms: float | None = None, **body: object) -> HookEvent:
    """The same in the guide's format, with neither prompt nor ids of calls."""
    return _event(guide, seq, at_ms, {"event_type": name, **body})


def _event(agent: object, seq: int, at_ms: float | None, body: dict[str, object]) -> HookEvent:
    payload = {"session_id": "s", **body}
    at = START + round((seq if at_ms is None else at_ms) * 1000)
    receipt = Receipt(event_id=f"e{seq}", received_at=at, host="h", payload=msgspec.json.encode(payload))
    one: HookEvent = agent.normalise(payload, receipt)  # type: ignore[attr-defined]
    words = ("prompt_id", "event_id", "hook_event_name", "tool_name", "tool_use_id", "agent_id")
    trace_id, span_id = ids_of(session_id=one.session_id, **{word: getattr(one, word) for word in words})
    return msgspec.structs.replace(one, seq=seq, trace_id=trace_id, span_id=span_id)


def listed(call_id: str, tool: str, shown: str) -> dict[str, str]:
    """One call of a PostToolBatch."""
    return {"tool_use_id": call_id, "tool_name": tool, "tool_response": shown}


UNKNOWN = listed("u", "Glob", "<tool_use_error>Error: No such tool available: Glob.</tool_use_error>")
REFUSED = listed("w", "Write", "The user doesn't want to proceed with this tool use.")


def spans_of(events: list[HookEvent]) -> list[Span]:
    """The spans of these events, long after the last one."""
    assembler = TurnAssembler()
    return assembler.feed(events, 0) + assembler.feed([], events[-1].received_at + 3600 * 1_000_000)


NAMED = "SELECT span_id FROM tool_calls WHERE span_id IS NOT NULL"


def agree(store: Store, events: list[HookEvent]) -> None:
    """Holds the views to the spans of the same events."""
    store.load(events, Notes())
    spans = spans_of(events)
    calls = [span for span in spans if span.attributes.get(semconv.OPERATION_NAME) == semconv.EXECUTE_TOOL]
    turns = [span for span in spans if is_turn_root(span)]
    failed = sum(outcome(one) in {"error", "denied"} for one in calls)

    assert sorted((one.attributes[semconv.TOOL_NAME], *times(one), outcome(one)) for one in calls) == store.fetch(
        f"SELECT tool_name, {MICROS}, coalesce(epoch_us(ended_at), 0), replace(outcome, 'open', 'unfinished') "
        "FROM tool_calls ORDER BY ALL"
    )
    assert {one for (one,) in store.fetch(NAMED)} <= {one.span_id for one in calls}
    facts = (semconv.TURN_OUTCOME, semconv.TURN_TOOL_CALLS)
    assert sorted((*times(one), *(one.attributes[fact] for fact in facts)) for one in turns) == store.fetch(
        f"SELECT {MICROS}, epoch_us(ended_at), outcome, own_tool_calls FROM turns ORDER BY ALL"
    )
    assert [(len(turns), len(calls), len(turns), len(calls))] == store.fetch(
        "SELECT sum(turns), sum(tool_calls), (SELECT count(*) FROM turns), (SELECT sum(tool_calls) FROM turns) "
        "FROM sessions"
    )
    assert [(failed, failed)] == store.fetch(
        "SELECT (SELECT sum(tool_errors) FROM turns), (SELECT count(*) FROM errors WHERE tool_name IS NOT NULL)"
    )


MICROS = "epoch_us(started_at)"


def times(span: Span) -> tuple[int, int]:
    """Start and end in microseconds; a call that nothing ended has no end of its own."""
    return span.start_ns // 1000, 0 if outcome(span) == "unfinished" else span.end_ns // 1000


def outcome(span: Span) -> str:
    """A call's outcome as the metrics have it."""
    return next((one.labels[-1] for one in changes_of(span) if one.instrument is TOOL_CALLS), "")


def test_a_tools_time_is_its_own(store: Store) -> None:
    """Percentiles are of the tool's own time, not of the user's answer to a request; the wall's stand beside them."""
    bash = {"tool_name": "Bash", "tool_use_id": "a"}
    store.load(
        [
            claude(1, "PreToolUse", 0, **bash),
            claude(2, "PermissionRequest", 1, tool_name="Bash"),
            claude(3, "PostToolUse", 6061, **bash, duration_ms=3),
            claude(4, "PreToolUse", 7000, tool_name="Bash", tool_use_id="refused"),
            claude(5, "PermissionDenied", 9000, tool_name="Bash", tool_use_id="refused"),
            custom(6, "PRE_TOOL_USE", 9001, tool_name="test"),
            custom(7, "POST_TOOL_USE", 9002, tool_name="test", execution_time_ms=12),
            custom(8, "PRE_TOOL_USE", 9003, tool_name="silent"),
            custom(9, "POST_TOOL_USE", 9007, tool_name="silent"),
        ],
        Notes(),
    )

    times = "avg_ms, p50_ms, p95_ms, max_ms, p50_wall_ms, p95_wall_ms"

    assert [
        ("Bash", 3.0, 3.0, 3.0, 3.0, 6061.0, 6061.0),
        ("silent", 4.0, 4.0, 4.0, 4.0, 4.0, 4.0),
        ("test", 12.0, 12.0, 12.0, 12.0, 1.0, 1.0),
    ] == store.fetch(f"SELECT tool_name, {times} FROM tool_stats ORDER BY tool_name")


@pytest.mark.parametrize("name", recorded.NAMES)
def test_recorded_sessions_are_told_as_spans_tell_them(store: Store, name: str) -> None:
    """Calls and turns of each recorded session are those of its spans: when, how many, how they ended."""
    agree(store, list(recorded.session(name)))


STORIES = {
    "an end long after the turn": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 50, tool_name="Bash", tool_use_id="a"),
        claude(3, "PostToolUse", 60, tool_name="Bash", tool_use_id="a", duration_ms=3),
        claude(4, "Stop", 109),
        claude(5, "Notification", 900),
        claude(6, "SessionEnd", 43_200_000),
    ],
    "interrupted by the next prompt": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 20, tool_name="Bash", tool_use_id="a"),
        claude(3, "UserPromptSubmit", 5000, prompt_id="q"),
        claude(4, "Stop", 6000, prompt_id="q"),
    ],
    "interrupted by a prompt that came when the turn was abandoned": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 20, tool_name="Bash", tool_use_id="a"),
        claude(3, "UserPromptSubmit", 7_200_000, prompt_id="q"),
        claude(4, "Stop", 7_200_900, prompt_id="q"),
    ],
    "interrupted by /clear, whose end names another prompt": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 20, tool_name="Bash", tool_use_id="a"),
        claude(3, "SessionEnd", 5000, prompt_id="q"),
    ],
    "seen from the end of a call": [
        claude(1, "PostToolUse", 1000, tool_name="Bash", tool_use_id="a", duration_ms=400),
        claude(2, "PreToolUse", 1100, tool_name="Bash", tool_use_id="b"),
        claude(3, "PostToolUse", 1200, tool_name="Bash", tool_use_id="b", duration_ms=90),
        claude(4, "Stop", 1300),
    ],
    "an end that overtook its start": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PostToolUse", 30, tool_name="Bash", tool_use_id="a", duration_ms=5),
        claude(3, "PreToolUse", 31, tool_name="Bash", tool_use_id="a"),
        claude(4, "Stop", 40),
    ],
    "interrupted by the end, with a call open": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 20, tool_name="Bash", tool_use_id="a"),
        claude(3, "Notification", 30),
        claude(4, "SessionEnd", 5000),
    ],
    "interrupted by the end, with nothing open": [
        claude(1, "UserPromptSubmit"),
        claude(2, "MessageDisplay", 20),
        claude(3, "SessionEnd", 5000, prompt_id=None),
    ],
    "compacts and nothing else": [
        claude(1, "PreCompact", trigger="manual"),
        claude(2, "SubagentStop", 50, agent_id="c", agent_type=""),
        claude(3, "PostCompact", 80, trigger="manual"),
        claude(4, "SessionEnd", 5000),
    ],
    "compacts and is cut off": [
        claude(1, "PreCompact", trigger="manual"),
        claude(2, "PostCompact", 80, trigger="manual"),
        claude(3, "PreCompact", 90, trigger="manual"),
        claude(4, "SessionEnd", 5000),
    ],
    "compacts among other things": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreCompact", 20, trigger="auto"),
        claude(3, "PostCompact", 80, trigger="auto"),
        claude(4, "SessionEnd", 5000),
    ],
    "denied": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 20, tool_name="Write", tool_use_id="w"),
        claude(3, "PermissionRequest", 30, tool_name="Write"),
        claude(4, "PostToolBatch", 3000, tool_calls=[REFUSED]),
        claude(5, "SessionEnd", 5000),
    ],
    "denied by a hook, in words of its own": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", 20, tool_name="Bash", tool_use_id="a"),
        claude(3, "PreToolUse", 21, tool_name="Bash", tool_use_id="b"),
        claude(4, "PostToolUse", 30, tool_name="Bash", tool_use_id="b", duration_ms=3),
        claude(5, "PostToolBatch", 40, tool_calls=[listed("a", "Bash", "Policy"), listed("b", "Bash", "fine")]),
        claude(6, "Stop", 50),
    ],
    "abandoned": [claude(1, "UserPromptSubmit"), claude(2, "PreToolUse", 20, tool_name="Bash", tool_use_id="a")],
    "went on after a Stop": [
        claude(1, "UserPromptSubmit"),
        claude(2, "Stop", 10),
        claude(3, "PreToolUse", 20, tool_name="Bash", tool_use_id="a"),
        claude(4, "PostToolUseFailure", 30, tool_name="Bash", tool_use_id="a"),
        claude(5, "StopFailure", 40, error="overloaded"),
    ],
    "a subagent": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", tool_name="Agent", tool_use_id="a"),
        claude(3, "SubagentStart", agent_id="sub"),
        claude(4, "PreToolUse", tool_name="Bash", tool_use_id="b", agent_id="sub"),
        claude(5, "PostToolUse", tool_name="Bash", tool_use_id="b", agent_id="sub", duration_ms=1),
        claude(6, "PostToolBatch", agent_id="sub", tool_calls=[listed("b", "Bash", "fine"), UNKNOWN]),
        claude(7, "SubagentStop", agent_id="sub"),
        claude(8, "PostToolUse", tool_name="Agent", tool_use_id="a", duration_ms=5),
        claude(9, "Stop"),
    ],
    "a subagent whose model fails": [
        claude(1, "UserPromptSubmit"),
        claude(2, "PreToolUse", tool_name="Agent", tool_use_id="a"),
        claude(3, "SubagentStart", agent_id="sub"),
        claude(4, "StopFailure", agent_id="sub", error="overloaded"),
        claude(5, "PostToolUse", tool_name="Agent", tool_use_id="a", duration_ms=5),
        claude(6, "SessionEnd", 5000),
    ],
    "a command that a subagent does": [
        claude(1, "UserPromptExpansion"),
        claude(2, "SubagentStart", agent_id="sub"),
        claude(3, "PreToolUse", tool_name="Bash", tool_use_id="b", agent_id="sub"),
        claude(4, "PostToolUse", tool_name="Bash", tool_use_id="b", agent_id="sub", duration_ms=1),
        claude(5, "SubagentStop", 50, agent_id="sub"),
        claude(6, "SessionEnd", 5000, prompt_id="q"),
    ],
    "a command that a subagent does, whose model fails": [
        claude(1, "SubagentStart", agent_id="sub"),
        claude(2, "StopFailure", 50, agent_id="sub", error="overloaded"),
        claude(3, "UserPromptSubmit", 5000, prompt_id="q"),
        claude(4, "Stop", 6000, prompt_id="q"),
    ],
    "a command that a subagent does, cut off": [
        claude(1, "SubagentStart", agent_id="sub"),
        claude(2, "SubagentStop", 50, agent_id="sub"),
        claude(3, "PreToolUse", 60, tool_name="Bash", tool_use_id="b", agent_id="sub"),
        claude(4, "SessionEnd", 5000, prompt_id="q"),
    ],
    "the guide's": [
        custom(1, "AGENT_START"),
        custom(2, "PRE_TOOL_USE", tool_name="search"),
        custom(3, "POST_TOOL_USE", tool_name="search", execution_time_ms=12),
        custom(4, "PRE_TOOL_USE", tool_name="search"),
        custom(5, "POST_TOOL_USE", tool_name="search", success=False, error="no"),
        custom(6, "AGENT_STOP"),
        custom(7, "NOTIFICATION", 99_000),
    ],
    "the guide's, two agents with turns of their own": [
        custom(1, "AGENT_START", agent_id="one"),
        custom(2, "AGENT_START", agent_id="two"),
        custom(3, "PRE_TOOL_USE", agent_id="two", tool_name="t"),
        custom(4, "PRE_TOOL_USE", agent_id="one", tool_name="t"),
        custom(5, "AGENT_START", 50_000, agent_id="one"),
        custom(6, "POST_TOOL_USE", 50_001, agent_id="two", tool_name="t"),
        custom(7, "PRE_TOOL_USE", 50_002, agent_id="one", tool_name="t"),
        custom(8, "POST_TOOL_USE", 50_003, agent_id="one", tool_name="t"),
        custom(9, "AGENT_STOP", 50_004, agent_id="one", success=False),
        custom(10, "AGENT_STOP", 50_005, agent_id="two"),
    ],
    "the guide's, without ends": [
        custom(1, "PRE_TOOL_USE", tool_name="t"),
        custom(2, "POST_TOOL_USE", tool_name="t", execution_time_ms=1),
    ],
    "an end that nothing began": [
        custom(1, "AGENT_START"),
        custom(2, "POST_TOOL_USE", tool_name="t"),
        custom(3, "PRE_TOOL_USE", tool_name="t"),
        custom(4, "PRE_TOOL_USE", tool_name="t"),
        custom(5, "ERROR", 50, tool_name="t"),
        custom(6, "POST_TOOL_USE", 70, tool_name="t"),
        custom(7, "POST_TOOL_USE", 80, tool_name="t"),
        custom(8, "AGENT_STOP", 90),
    ],
}


@pytest.mark.parametrize("name", STORIES)
def test_what_may_happen_is_told_as_spans_tell_it(store: Store, name: str) -> None:
    """The same for what the recordings do not have, in an agent's own words and in the guide's."""
    agree(store, STORIES[name])


def test_roles_are_kinds(store: Store) -> None:
    """SQL takes each event for what spans take it for."""
    roles = {Kind.OPEN: "open", Kind.STOP: "stop", Kind.STOP_FAILURE: "stop", Kind.SESSION_END: "end"}
    roles |= {Kind.ECHO: "echo", Kind.NOTIFICATION: "aside"}
    native = [claude(seq, name) for seq, name in enumerate(sorted(NATIVE), 1)]
    store.load([*native, *(custom(seq, name) for seq, name in enumerate(sorted(GUIDE), 100))], Notes())

    expected = {name: roles.get(kind, "work") for name, kind in (NATIVE | GUIDE).items()}

    assert expected == dict(store.fetch("SELECT hook_event_name, role FROM event_roles"))
    assert [(len(GUIDE),)] == store.fetch("SELECT count(*) FROM event_roles WHERE in_guide_words")


def now(event: HookEvent) -> HookEvent:
    """The same event, received at this moment."""
    return msgspec.structs.replace(event, received_at=round(time.time() * 1e6))


def test_a_call_that_nothing_ended_is_open_while_it_may_run(store: Store) -> None:
    """It is unfinished once its agent stopped, started anew or the session ended; a subagent's only by the last."""
    call = {"tool_name": "Bash"}
    events = [
        claude(1, "PreToolUse", tool_use_id="own", **call),
        claude(2, "PreToolUse", tool_use_id="subagent's", agent_id="sub", **call),
        claude(3, "Stop"),
        claude(4, "PreToolUse", tool_use_id="next", **call),
        claude(5, "PreToolUse", tool_use_id="ended", session_id="t", agent_id="sub", **call),
        claude(6, "SessionEnd", session_id="t"),
        custom(7, "PRE_TOOL_USE", session_id="u", agent_id="one", tool_use_id="stopped", **call),
        custom(8, "PRE_TOOL_USE", session_id="u", agent_id="two", tool_use_id="runs", **call),
        custom(9, "AGENT_STOP", session_id="u", agent_id="one"),
    ]
    store.load([now(one) for one in events], Notes())

    found = store.fetch(
        "SELECT outcome, list(tool_use_id ORDER BY tool_use_id) FROM tool_calls GROUP BY 1 ORDER BY 1"
    )

    assert [("open", ["next", "runs", "subagent's"]), ("unfinished", ["ended", "own", "stopped"])] == found
    assert [(3, 3)] == store.fetch(
        "SELECT open, unfinished FROM (SELECT sum(open) AS open, sum(unfinished) AS unfinished FROM tool_stats)"
    )


def test_a_call_is_unfinished_after_a_long_silence(store: Store) -> None:
    """As its turn is then abandoned: of a client that was killed nothing more comes."""
    call = {"tool_name": "Bash", "agent_id": "sub"}
    killed = claude(1, "PreToolUse", tool_use_id="killed", **call)
    store.load([killed, now(claude(2, "PreToolUse", tool_use_id="runs", session_id="t", **call))], Notes())

    assert [("killed", "unfinished"), ("runs", "open")] == store.fetch(
        "SELECT tool_use_id, outcome FROM tool_calls ORDER BY ALL"
    )


def test_a_turn_that_may_go_on_is_open(store: Store) -> None:
    """Until half an hour has passed without an event."""
    silent, running = claude(1, "UserPromptSubmit"), claude(2, "UserPromptSubmit", session_id="t")
    store.load([silent, now(running)], Notes())

    turns = store.fetch("SELECT session_id, outcome, ended_at IS NULL FROM turns ORDER BY 1")

    assert [("s", "abandoned", False), ("t", "open", True)] == turns


def test_sessions_of_the_guides_format_end(store: Store) -> None:
    """With the stop of the last agent that runs; calls without ids and failures count."""
    store.load(
        [
            *STORIES["the guide's"][:6],
            custom(11, "AGENT_START", session_id="two", agent_id="a"),
            custom(12, "AGENT_START", session_id="two", agent_id="b"),
            custom(13, "AGENT_STOP", session_id="two", agent_id="a"),
        ],
        Notes(),
    )

    rows = store.fetch("SELECT session_id, turns, tool_calls, errors, ended FROM sessions ORDER BY 1")

    assert [("s", 1, 2, 1, True), ("two", 2, 0, 0, False)] == rows


def test_what_is_only_loaded_is_no_session(store: Store) -> None:
    """A resumed client says what it loads under an id that it throws away; the session itself has such events too."""
    store.load(
        [
            claude(1, "InstructionsLoaded", session_id="thrown away"),
            claude(2, "InstructionsLoaded", session_id="kept"),
            claude(3, "SessionStart", session_id="kept"),
        ],
        Notes(),
    )

    assert [("kept", 2)] == store.fetch("SELECT session_id, events FROM sessions")


def test_a_large_batch_is_read_too(store: Store) -> None:
    """What a batch lists is known whatever else is in its payload, and each failed call is an error once."""
    bash = {"tool_name": "Bash", "tool_use_id": "b"}
    failed = listed("b", "Bash", "<tool_use_error>no" + "x" * 100_000)
    store.load(
        [
            claude(1, "PreToolUse", **bash),
            claude(2, "PostToolUseFailure", **bash, error="no"),
            claude(3, "PostToolBatch", tool_calls=[failed, UNKNOWN, listed("r", "Read", "y" * 100_000)]),
        ],
        Notes(),
    )

    rows = store.fetch("SELECT hook_event_name, tool_name, tool_use_id, left(error, 24) FROM errors ORDER BY seq")

    assert [
        ("PostToolUseFailure", "Bash", "b", "no"),
        ("PostToolBatch", "Glob", "u", "<tool_use_error>Error: N"),
    ] == rows
    assert [("Bash", "error", False), ("Glob", "error", True), ("Read", "ok", True)] == store.fetch(
        "SELECT tool_name, outcome, ended_by_batch FROM tool_calls ORDER BY 1"
    )


def test_sealed_days_tell_what_batches_list(store: Store) -> None:
    """A day that is sealed tells the same calls as before."""
    store.load([claude(1, "PostToolBatch", tool_calls=[UNKNOWN, REFUSED])], Notes())
    connection = store.cursor()
    part = sealing.oldest_slice(connection, dt.datetime.max.replace(tzinfo=dt.UTC))
    assert part is not None

    sealing.seal(connection, store.folder, part)

    assert [(0,)] == store.fetch("SELECT count(*) FROM events_hot")
    assert [("Glob", "error"), ("Write", "denied")] == store.fetch(
        "SELECT tool_name, outcome FROM tool_calls ORDER BY 1"
    )


def test_a_store_of_before_is_taken_over(tmp_path: Path) -> None:
    """Tables and sealed files that do not have what batches list are read beside those that do."""
    path = tmp_path / "store.duckdb"
    Store(path, memory_mb=64).close()
    store = Store(path, memory_mb=64)
    store.load([claude(1, "PreToolUse", tool_name="Bash", tool_use_id="a"), claude(2, "Stop")], Notes())
    store.close()
    with duckdb.connect(str(path)) as former:
        former.execute("ALTER TABLE events_hot DROP COLUMN listed_calls")
        former.execute("ALTER TABLE sealed_files DROP COLUMN has_listed_calls")
        target = store.folder / "events-2026-09-21-1.parquet"
        former.execute(f"COPY (SELECT {', '.join(COLUMNS)} FROM events_hot WHERE seq = 1) TO '{target}'")

    store = Store(path, memory_mb=64)
    store.load([claude(3, "PostToolBatch", tool_calls=[UNKNOWN])], Notes())

    assert [("Bash", "unfinished"), ("Glob", "error")] == store.fetch(
        "SELECT tool_name, outcome FROM tool_calls ORDER BY 1"
    )
    assert [(1,), (2,), (3,)] == store.fetch("SELECT seq FROM events ORDER BY 1")
    store.close()
