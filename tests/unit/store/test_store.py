"""Laws of the store: rows and cursors together or not at all, and views that people can use."""

from pathlib import Path

import msgspec
import pytest

from sidecar.agents import Receipt, claude_code, guide
from sidecar.errors import StoreError
from sidecar.events import FIELDS, HookEvent
from sidecar.otel.model import Span
from sidecar.worker.store.notebook import Notes, dead_letter
from sidecar.worker.store.store import Store
from tests.recorded_events import recorded_events

START = 1_790_000_000_000_000


def claude(seq: int, **body: object) -> HookEvent:
    payload = {"session_id": "s", "prompt_id": "p", **body}
    receipt = Receipt(
        event_id=f"e{seq}", received_at=START + seq * 1000, host="h", payload=msgspec.json.encode(payload)
    )
    return msgspec.structs.replace(claude_code.normalise(payload, receipt), seq=seq)


def custom(seq: int, **body: object) -> HookEvent:
    payload = {"session_id": "s", **body}
    receipt = Receipt(
        event_id=f"e{seq}", received_at=START + seq * 1000, host="h", payload=msgspec.json.encode(payload)
    )
    return msgspec.structs.replace(guide.normalise(payload, receipt), seq=seq)


def test_columns_are_the_fields(store: Store) -> None:
    """`events` begins with the fields of an event under their names, in their order, and adds its two views."""
    columns = [row[0] for row in store.fetch("SELECT column_name FROM (DESCRIBE events)")]

    assert [*FIELDS, "parameters", "result"] == columns


def test_events_come_back_as_they_went_in(store: Store) -> None:
    """Every field of every recorded event survives the store."""
    expected = [msgspec.structs.replace(event, trace_id="t") for event in recorded_events(205)]
    store.load(expected, Notes())

    found = [event for page in store.sessions_of_traces({"t": 0}, up_to=205) for event in page]

    assert [comparable(event) for event in expected] == [comparable(event) for event in found]
    assert 100 == sum(map(len, store.sessions_of_traces({"t": 0}, up_to=100)))
    assert [] == list(store.sessions_of_traces({}, up_to=100))


def test_a_session_comes_back_with_any_of_its_traces(store: Store) -> None:
    """Naming one trace of a session gives all events of that session, and of no other."""
    one, two, other = recorded_events(3)
    own = [msgspec.structs.replace(one, session_id="s", trace_id="t1"), msgspec.structs.replace(two, session_id="s")]
    store.load([*own, msgspec.structs.replace(other, session_id="o", trace_id="t2")], Notes())

    assert [[1, 2]] == [[event.seq for event in page] for page in store.sessions_of_traces({"t1": 0}, up_to=9)]


def test_a_session_comes_back_from_where_its_turn_began(store: Store) -> None:
    """What a session did before the earliest of its named traces is not read: an open turn needs nothing of it."""
    one, two, three, other = (msgspec.structs.replace(event, session_id="s") for event in recorded_events(4))
    turns = [msgspec.structs.replace(event, trace_id=f"t{event.seq}") for event in (one, two, three)]
    store.load([*turns, msgspec.structs.replace(other, session_id="o", trace_id="t4")], Notes())

    since = {"t2": two.received_at, "t3": three.received_at, "t4": other.received_at}
    assert [[2, 3, 4]] == [[event.seq for event in page] for page in store.sessions_of_traces(since, up_to=9)]
    assert [[2]] == [[event.seq for event in page] for page in store.sessions_of_traces(since, up_to=2)]


def test_rows_cursors_and_notes_are_one_transaction(store: Store) -> None:
    """When one part cannot be written nothing of it is, cursors included."""
    store.load(recorded_events(3), Notes(cursors={"redis": (2, None)}))
    bad = msgspec.structs.replace(recorded_events(5)[4], payload=msgspec.Raw(b"not json"))

    with pytest.raises(StoreError):
        store.load([*recorded_events(4)[3:], bad], Notes(cursors={"redis": (5, "x")}))

    assert {"store": (3, None), "redis": (2, None)} == store.cursors()
    assert [(3,)] == store.fetch("SELECT count(*) FROM events")


def test_cursors_survive(tmp_path: Path) -> None:
    """Cursor and state are there when the file is opened again."""
    path = tmp_path / "again.duckdb"
    store = Store(path, memory_mb=64)
    store.load([], Notes(cursors={"otlp": (7, '["t"]')}))
    store.close()
    store.close()
    again = Store(path, memory_mb=64)

    assert {"otlp": (7, '["t"]')} == again.cursors()
    again.close()


def test_dead_letters_keep_reason_and_payload(store: Store) -> None:
    """What a sink refused can be asked for, with why."""
    event = recorded_events(1)[0]
    store.load([], Notes(dead_letters=[dead_letter("redis", event, "too long")]))

    rows = store.fetch("SELECT sink, seq, event_id, reason, payload FROM dead_letters")

    assert [("redis", event.seq, event.event_id, "too long", bytes(event.payload).decode())] == rows


def test_exported_spans_are_remembered(store: Store) -> None:
    """A span comes back with its ids, name, times and attributes."""
    span = Span(
        trace_id="t", span_id="s", parent_span_id=None, name="execute_tool Bash", start_ns=START * 1000,
        end_ns=(START + 5) * 1000, attributes={"gen_ai.tool.name": "Bash", "n": 1},
    )  # fmt: skip
    store.load([], Notes(spans=[span]))

    assert [span] == store.recent_spans(10)


def test_events_between_are_bounded_and_in_order(store: Store) -> None:
    """Only numbers between the two, oldest first, within the limit of events and about that of bytes."""
    store.load(recorded_events(50), Notes())

    def found(after: int, before: int, limit: int = 100, max_bytes: int = 1 << 30) -> list[int]:
        return [event.seq for event in store.events_between(after, before, limit=limit, max_bytes=max_bytes)]

    assert list(range(11, 20)) == found(10, 20)
    assert [1, 2, 3] == found(0, 51, limit=3)
    assert [6] == found(5, 51, max_bytes=1)
    assert [] == found(50, 60)


def test_a_span_exported_again_is_there_once(store: Store) -> None:
    """A repeat, in the same batch or later, takes the place of the row; other spans stay."""
    span = Span(
        trace_id="t", span_id="s", parent_span_id=None, name="first", start_ns=START, end_ns=START, attributes={}
    )
    other = msgspec.structs.replace(span, span_id="other")
    again = msgspec.structs.replace(span, name="again")
    store.load([], Notes(spans=[span, other, span]))
    store.load([], Notes(spans=[again]))

    assert [("again",), ("first",)] == store.fetch("SELECT name FROM spans ORDER BY name")


def test_files_outside_are_closed(store: Store, tmp_path: Path) -> None:
    """The store's own connection cannot read or write another file, and its configuration is locked."""
    (tmp_path / "other.csv").write_text("a\n1\n")

    for query in (
        f"SELECT * FROM '{tmp_path}/other.csv'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(StoreError):
            store.fetch(query)


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    """A file that DuckDB cannot open is named."""
    path = tmp_path / "store.duckdb"
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(StoreError, match=r"store\.duckdb"):
        Store(path, memory_mb=64)


def test_tool_calls_pair_by_id(store: Store) -> None:
    """A call's row runs from PreToolUse to its end and says how it went; without an end it is unfinished one day."""
    store.load(
        [
            claude(1, hook_event_name="PreToolUse", tool_name="Bash", tool_use_id="a"),
            claude(2, hook_event_name="PreToolUse", tool_name="Bash", tool_use_id="b"),
            claude(3, hook_event_name="PostToolUseFailure", tool_name="Bash", tool_use_id="b", error="no"),
            claude(5, hook_event_name="PostToolUse", tool_name="Bash", tool_use_id="a", duration_ms=3),
            claude(6, hook_event_name="PreToolUse", tool_name="Read", tool_use_id="c"),
            claude(9, hook_event_name="PostToolUse", tool_name="Edit", tool_use_id="d", duration_ms=2),
        ],
        Notes(),
    )

    rows = store.fetch("SELECT tool_use_id, outcome, duration_ms, error FROM tool_calls ORDER BY tool_use_id")

    expected = [
        ("a", "ok", 4.0, None),
        ("b", "error", 1.0, "no"),
        ("c", "unfinished", None, None),
        ("d", "ok", 2.0, None),
    ]
    assert expected == rows


def test_tool_calls_without_ids_pair_by_order(store: Store) -> None:
    """Where an agent gives no ids, starts and ends of a tool pair in their order within the session."""
    kinds = ["PRE_TOOL_USE", "PRE_TOOL_USE", "POST_TOOL_USE", "ERROR"]
    store.load([custom(seq, event_type=kind, tool_name="t") for seq, kind in enumerate(kinds, 1)], Notes())

    assert [("ok", 2.0), ("error", 2.0)] == store.fetch(
        "SELECT outcome, duration_ms FROM tool_calls ORDER BY started_at"
    )


def test_turns_and_sessions_tell_their_outcome(store: Store) -> None:
    """A turn is completed, failed or abandoned; a session is ended once its end is its last word."""
    store.load(
        [
            claude(1, hook_event_name="UserPromptSubmit", prompt="do it"),
            claude(2, hook_event_name="Stop"),
            claude(3, hook_event_name="UserPromptSubmit", prompt_id="q"),
            claude(4, hook_event_name="StopFailure", prompt_id="q", error="overloaded"),
            claude(5, hook_event_name="SessionEnd", prompt_id="q"),
            claude(6, hook_event_name="UserPromptSubmit", session_id="open", prompt_id="r"),
        ],
        Notes(),
    )

    turns = store.fetch("SELECT prompt_id, outcome, prompt FROM turns ORDER BY prompt_id")
    sessions = store.fetch("SELECT session_id, turns, errors, ended FROM sessions ORDER BY session_id")

    assert [("p", "completed", "do it"), ("q", "api_error", None), ("r", "abandoned", None)] == turns
    assert [("open", 1, 0, False), ("s", 2, 1, True)] == sessions
    assert [("StopFailure", "overloaded")] == store.fetch("SELECT hook_event_name, error FROM errors")


def comparable(event: HookEvent) -> HookEvent:
    return msgspec.structs.replace(event, payload=msgspec.Raw(bytes(event.payload)))
