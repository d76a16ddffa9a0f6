"""Laws of the meter: every event counts once, whatever is restarted or fails between."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from sidecar.events import HookEvent
from sidecar.otel.open_turn import IDLE_US
from sidecar.otel.tally import MAX_NAMES, Numbers
from sidecar.worker.measure.meter import METER, Meter, Running, gauges_of
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import FILE_NAME, Store
from tests import recorded

MEMORY_MB = 64


def later(events: Sequence[HookEvent]) -> list[HookEvent]:
    """One more event, so long after that every turn before is over."""
    body = {"session_id": "later", "hook_event_name": "Notification"}
    last = recorded.event(body, 0, events[-1].seq + 1)
    return [*events, msgspec.structs.replace(last, received_at=events[-1].received_at + 2 * IDLE_US)]


def load(store: Store, meter: Meter, events: Sequence[HookEvent]) -> None:
    """What the loader does with a batch."""
    notes = Notes()
    meter.feed(events)
    meter.note(notes)
    store.load(events, notes)
    meter.settle(notes)


def numbers(counted: Numbers) -> dict[str, float]:
    return {f"{name}{labels}": point.value for (name, labels), point in counted.items()}


def running(meter: Meter) -> dict[tuple[str, ...], float]:
    """Turns under way, by the labels of their gauge."""
    gauge = next(metric for metric in meter.metrics() if metric.name == "leanvibe.turns.running")
    return {point.labels: point.value for point in gauge.points}


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.mark.parametrize("name", ["basic", "subagent", "multi"])
def test_restarts_change_no_number(path: Path, name: str) -> None:
    """Read in one piece, or restarted after each third event: the same numbers, in memory and in the store."""
    events = later(recorded.session(name))
    whole = Store(path.with_name("whole"), MEMORY_MB)
    at_once = Meter(whole)
    load(whole, at_once, events)
    whole.close()
    for begin in range(0, len(events), 3):
        store = Store(path, MEMORY_MB)
        meter = Meter(store)
        load(store, meter, events[begin : begin + 3])
        stored = store.counters()
        store.close()
    assert numbers(at_once.written) == numbers(meter.written) == numbers(stored)
    assert 3 < len(stored)


def test_a_turn_that_goes_on_after_a_restart_counts_once(path: Path) -> None:
    """A Stop hook, or a permission in the morning, lets a turn go on that was counted before a restart."""
    script = [
        (0.0, "UserPromptSubmit", {"prompt": "go"}),
        (1.0, "Stop", {}),
        (5.0, "Notification", {"session_id": "other"}),
        (9.0, "PreToolUse", {"tool_name": "Bash", "tool_use_id": "t"}),
        (9.5, "PostToolUse", {"tool_name": "Bash", "tool_use_id": "t"}),
        (10.0, "Stop", {}),
        (15.0, "Notification", {"session_id": "other"}),
        (20.0, "Stop", {}),
    ]
    common = {"session_id": "s", "prompt_id": "p"}
    told = [
        recorded.event(common | {"hook_event_name": name} | more, at, seq)
        for seq, (at, name, more) in enumerate(script, start=1)
    ]
    events = later(told)
    for batch in (events[:3], events[3:7], events[7:]):
        store = Store(path, MEMORY_MB)
        meter = Meter(store)
        load(store, meter, batch)
        store.close()
    counted = {name: point.value for (name, _), point in meter.written.items() if name != "leanvibe.sessions"}
    assert (1.0, 1.0) == (counted["leanvibe.turns"], counted["leanvibe.tool.calls"])
    assert 1.0 == counted["gen_ai.invoke_agent.duration"]


def test_a_transaction_that_fails_counts_nothing_twice(path: Path) -> None:
    """Numbers are shown only when they are written; events that are read again count once."""
    events = later(recorded.session("basic"))
    store = Store(path, MEMORY_MB)
    meter = Meter(store)
    meter.feed(events[:10])
    meter.note(Notes())
    assert {} == meter.written
    load(store, meter, events)
    load(store, meter, [])
    expected = Meter(store)
    assert numbers(expected.written) == numbers(meter.written)
    assert 1.0 == meter.written["leanvibe.turns", ("claude-code", "completed")].value
    store.close()


def test_a_fault_in_counting_never_stops_the_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that cannot be counted are stored all the same, and that they were not counted is counted."""
    store = Store(path, MEMORY_MB)
    meter = Meter(store)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("sidecar.otel.turns.TurnAssembler.feed", broken)
        load(store, meter, recorded.session("basic"))
    assert (
        len(recorded.session("basic")) == meter.dropped["not_measured"] == len(store.fetch("SELECT seq FROM events"))
    )
    store.close()


def test_sessions_count_when_first_seen(path: Path) -> None:
    """A session counts once, over restarts too."""
    events = recorded.session("basic")
    for number, batch in enumerate((events[:5], events[5:], events[:1]), start=1):
        store = Store(path, MEMORY_MB)
        meter = Meter(store)
        fresh = [msgspec.structs.replace(one, seq=number * 1000 + one.seq) for one in batch]
        load(store, meter, fresh)
        assert 1.0 == meter.written["leanvibe.sessions", ("claude-code",)].value
        store.close()


@pytest.mark.parametrize("name", ["InstructionsLoaded", "LeanvibeProbe"])
def test_what_begins_no_session_counts_none(path: Path, name: str) -> None:
    """What a client loads under an id that it throws away, and a probe, are no session; what goes on is one then."""
    series = "leanvibe.sessions", ("claude-code",)
    only = msgspec.structs.replace(recorded.session("basic")[0], seq=1, hook_event_name=name)
    store = Store(path, MEMORY_MB)
    meter = Meter(store)
    load(store, meter, [only])
    assert series not in meter.written
    store.close()

    store = Store(path, MEMORY_MB)
    meter = Meter(store)
    load(store, meter, [msgspec.structs.replace(only, seq=2, hook_event_name="UserPromptSubmit")])
    assert 1.0 == meter.written[series].value
    store.close()


def test_counting_began_when_it_first_did(path: Path) -> None:
    """The start of cumulative metrics outlives restarts."""
    store = Store(path, MEMORY_MB)
    first = Meter(store)
    load(store, first, recorded.session("basic"))
    second = Meter(store)
    began = {metric.since_ns for metric in first.metrics() if metric.since_ns}
    assert began == {metric.since_ns for metric in second.metrics() if metric.since_ns}
    assert 1 == len(began)
    assert METER in store.cursors()
    store.close()


def test_what_runs_now() -> None:
    """Running turns are counted by agent, and the oldest unanswered request for permission has an age."""
    now = time.time()
    turns = [
        Running("a", int((now - 900) * 1e6), 5, None),
        Running("a", int((now - 800) * 1e6), 5, int((now - 700) * 1e6)),
        Running("b", int((now - 10) * 1e6), 5, int((now - 5) * 1e6)),
    ]
    found = {
        metric.name: [(point.labels, round(point.value)) for point in metric.points]
        for metric in gauges_of(turns, now)
    }
    assert {
        "leanvibe.turns.running": [(("a",), 2), (("b",), 1)],
        "leanvibe.permissions.waiting": [((), 2)],
        "leanvibe.permission.waiting": [((), 700)],
    } == found


def test_an_agent_at_rest_has_no_turn_under_way(path: Path) -> None:
    """The gauge of an agent goes back to 0 when its turns are over, also after a restart: it does not end unsaid."""
    store = Store(path, MEMORY_MB)
    meter = Meter(store)
    load(store, meter, recorded.session("basic")[:5])
    assert {("claude-code",): 1} == running(meter)
    load(store, meter, later(recorded.session("basic"))[5:])
    assert {("claude-code",): 0} == running(meter) == running(Meter(store))
    store.close()


def test_the_gauge_of_turns_has_a_bound() -> None:
    """Who sends events chooses the agent's name: beyond the names that are counted its turns run under `other`."""
    known = {f"agent-{number}" for number in range(MAX_NAMES)}
    turns = [Running(agent, 1, 5, None) for agent in ("agent-7", "one-more", "another")]
    found = {point.labels: point.value for point in gauges_of(turns, 2.0, known)[0].points}
    assert {("agent-7",): 1, ("other",): 2} == {labels: value for labels, value in found.items() if value}
    assert MAX_NAMES + 1 == len(found)


@pytest.mark.parametrize("state", ["", "[]", "{", '{"since": "x"}'])
def test_a_state_that_cannot_be_read_never_stops_the_store(
    path: Path, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The numbers that are there stay, and what comes is counted."""
    store = Store(path, MEMORY_MB)
    load(store, Meter(store), later(recorded.session("basic")))
    before = numbers(Meter(store).written)
    seq = store.cursors()[METER][0]
    store.load([], Notes(cursors={METER: (seq, state)}))
    meter = Meter(store)
    store.close()

    assert (before, seq) == (numbers(meter.written), meter._seq)
    assert "cannot be read" in caplog.text
