"""Laws of the metrics that are counted from spans."""

from collections import Counter

import pytest

from sidecar.otel import instruments, semconv
from sidecar.otel.changes import Change, changes_of
from sidecar.otel.early import AT_ONCE
from sidecar.otel.instruments import INSTRUMENTS
from sidecar.otel.metric_model import Exemplar, Metric, MetricKind, Point, prometheus_name
from sidecar.otel.model import Span
from sidecar.otel.open_turn import IDLE_US
from sidecar.otel.tally import MAX_NAMES, OTHER, Tally, changed, metrics_of
from sidecar.otel.turns import TurnAssembler
from tests import recorded

CONVENTIONS = {
    "gen_ai.execute_tool.duration": (
        "s",
        (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    ),
    "gen_ai.invoke_agent.duration": (
        "s",
        (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6),
    ),
    "gen_ai.invoke_agent.tool_calls": ("{tool_call}", (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)),
}
"""Unit and boundaries, from the GenAI conventions 1.42.0."""

NEVER_A_LABEL = {
    semconv.SESSION_ID,
    semconv.CONVERSATION_ID,
    semconv.PROMPT_ID,
    semconv.AGENT_ID,
    semconv.TOOL_CALL_ID,
}


def spans_of(name: str) -> list[Span]:
    turns = TurnAssembler(early=AT_ONCE)
    events = recorded.session(name)
    left = [span for event in events for span in turns.feed([event], 0)]
    return left + turns.feed([], events[-1].received_at + 2 * IDLE_US)


def counted(spans: list[Span]) -> dict[str, Metric]:
    tally = Tally({})
    for span in spans:
        tally.apply(changes_of(span))
    return {metric.name: metric for metric in metrics_of(tally.changed(), 5)}


def test_conventional_metrics_are_as_the_conventions_say() -> None:
    """Names, units and boundaries of `gen_ai.*` are those of the conventions, and no other such name is used."""
    ours = {one.name: (one.unit, one.bounds) for one in INSTRUMENTS.values() if one.name.startswith("gen_ai.")}
    assert CONVENTIONS == ours
    labels = {label for one in INSTRUMENTS.values() for label in one.labels if "." in label}
    assert set() == labels - semconv.SPAN_ATTRIBUTES
    assert set() == {label for one in INSTRUMENTS.values() for label in one.labels} & NEVER_A_LABEL


@pytest.mark.parametrize("name", recorded.NAMES)
def test_every_span_counts_once(name: str) -> None:
    """Calls, turns and errors are as many as spans say, and a duration is the length of its span."""
    spans = spans_of(name)
    metrics = counted(spans)
    operations = Counter(span.attributes.get(semconv.OPERATION_NAME) for span in spans)
    outcomes = Counter(str(span.attributes[semconv.TURN_OUTCOME]) for span in spans if span.parent_span_id is None)
    failed = [span for span in spans if semconv.ERROR_TYPE in span.attributes]
    assert operations[semconv.EXECUTE_TOOL] == total(metrics["leanvibe.tool.calls"])
    assert outcomes == {point.labels[1]: point.value for point in metrics["leanvibe.turns"].points}
    assert len(failed) == total(metrics["leanvibe.errors"])
    lengths = [
        s.end_ns - s.start_ns for s in spans if s.attributes.get(semconv.OPERATION_NAME) == semconv.INVOKE_AGENT
    ]
    assert sum(lengths) / 1e9 == pytest.approx(total(metrics["gen_ai.invoke_agent.duration"]))


def total(metric: Metric) -> float:
    return sum(point.value for point in metric.points)


def test_calls_that_never_ran_have_no_duration() -> None:
    """A denied, unknown or wrongly called tool is a call, and an error, but no duration."""
    metrics = counted(spans_of("failure"))
    errors = {point.labels[-1] for point in metrics["gen_ai.execute_tool.duration"].points}
    assert {"nonzero_exit", "timeout", "tool_error"} == errors
    assert 4 == sum(sum(point.buckets) for point in metrics["leanvibe.tool.execution"].points)


def test_exemplars_lead_to_spans() -> None:
    """Each bucket remembers a span that fell into it."""
    spans = spans_of("basic")
    known = {(span.trace_id, span.span_id) for span in spans}
    exemplars = [
        one
        for metric in counted(spans).values()
        for point in metric.points
        for one in point.exemplars
        if one is not None
    ]
    assert set() == {(one.trace_id, one.span_id) for one in exemplars} - known
    assert len(exemplars) > 5


@pytest.mark.parametrize("bounds", [(), (1.0,)])
def test_an_exemplar_never_goes_back_in_time(bounds: tuple[float, ...]) -> None:
    """Spans leave in no order of their ends; Prometheus takes an exemplar only if it is a millisecond later."""
    instrument = instruments.Instrument("leanvibe.x", "", "", (), bounds)
    seen = [5_000_000, 3_000_000, 5_999_999, 6_000_000, 2_000_000]
    shown = []
    point = None
    for at_ns in seen:
        point = changed(point, Change(instrument, (), 0.5, Exemplar(0.5, "a" * 32, "b" * 16, at_ns)), ())
        shown.append([one.at_ns for one in point.exemplars if one])
    assert [[5_000_000]] * 3 + [[6_000_000]] * 2 == shown


def test_series_are_bounded() -> None:
    """Beyond a hundred tools the rest are counted as one, however the tally was restarted."""
    tally = Tally({})
    tally.apply(Change(instruments.TOOL_CALLS, ("a", f"t{number}", "ok")) for number in range(MAX_NAMES + 50))
    again = Tally(tally.changed())
    again.apply(Change(instruments.TOOL_CALLS, ("a", name, "ok")) for name in ("t1", "new"))
    numbers = {labels[1]: point.value for (_, labels), point in again.changed().items()}
    assert {"t1": 2.0, OTHER: 51.0} == numbers
    assert MAX_NAMES + 1 == len(tally.changed())


@pytest.mark.parametrize("name", ["gen_ai.execute_tool.duration", "gen_ai.invoke_agent.duration", "leanvibe.turns"])
def test_agents_make_no_series_without_end(name: str) -> None:
    """Who sends events chooses the agent's name, and with it the provider's where no other is known."""
    tally = Tally({})
    for number in range(MAX_NAMES + 50):
        named = {"agent": f"a{number}", semconv.AGENT_NAME: f"a{number}", semconv.PROVIDER_NAME: f"a{number}"}
        labels = tuple(named.get(label, "") for label in INSTRUMENTS[name].labels)
        tally.apply([Change(INSTRUMENTS[name], labels, 1.0)])
    assert MAX_NAMES + 1 == len(tally.changed())


def test_what_does_not_fit_its_instrument_is_forgotten() -> None:
    """Numbers of a metric that is gone, or had other labels, are not shown."""
    stale = {("gone", ()): Point((), 1.0), ("leanvibe.turns", ("a",)): Point(("a",), 1.0)}
    tally = Tally(stale)
    tally.apply([Change(instruments.TURNS, ("a", "completed"))])
    assert [("leanvibe.turns", ("a", "completed"))] == list(tally.changed())


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("gen_ai.execute_tool.duration", "s", "gen_ai_execute_tool_duration_seconds"),
        ("leanvibe.journal.size", "By", "leanvibe_journal_size_bytes"),
        ("leanvibe.tool.calls", "{call}", "leanvibe_tool_calls"),
        ("x.seconds", "s", "x_seconds"),
    ],
)
def test_names_in_prometheus(name: str, unit: str, expected: str) -> None:
    """Dots become underscores, a unit becomes a suffix, a remark in braces does not."""
    assert expected == prometheus_name(Metric(name=name, kind=MetricKind.GAUGE, unit=unit, help=""))
