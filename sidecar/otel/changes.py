"""What a finished span changes in the metrics: a pure function."""

from collections.abc import Iterator

import msgspec

from sidecar.otel import failures, instruments, semconv
from sidecar.otel.instruments import Instrument
from sidecar.otel.memory import is_turn_root
from sidecar.otel.metric_model import Exemplar
from sidecar.otel.model import Span, SpanStatus

NANOS = 1e9

NEVER_RAN = frozenset({failures.PERMISSION_DENIED, failures.UNKNOWN_TOOL, failures.INVALID_INPUT, failures.ABANDONED})
"""Calls that ended so have no duration to speak of."""


class Change(msgspec.Struct, frozen=True):
    """`value` is added to a counter's series, or observed by a histogram's."""

    instrument: Instrument
    labels: tuple[str, ...]
    value: float = 1.0
    exemplar: Exemplar | None = None


def changes_of(span: Span) -> list[Change]:
    """The changes that one span of any kind brings; those of a huge turn's further roots are none.

    Of a turn that went on after it had left only a failure is news: the turn was counted.
    """
    if span.name == semconv.PERMISSION_WAIT:
        return [_permission(span)]
    operation = span.attributes.get(semconv.OPERATION_NAME)
    if operation == semconv.EXECUTE_TOOL:
        return [*_tool(span), *_error(span)]
    if operation == semconv.INVOKE_AGENT and semconv.TURN_PART not in span.attributes:
        return [*_agent(span), *_error(span)]
    return []


def session_begun(agent: str) -> Change:
    """The change that a session's first event brings."""
    return Change(instruments.SESSIONS, (agent,))


def _tool(span: Span) -> Iterator[Change]:
    tool = _text(span, semconv.TOOL_NAME)
    yield Change(instruments.TOOL_CALLS, (span.service, tool, _outcome(span)), exemplar=_exemplar(span, 1.0))
    if _text(span, semconv.ERROR_TYPE) not in NEVER_RAN and semconv.TOOL_END_INFERRED not in span.attributes:
        yield _length(instruments.EXECUTE_TOOL_DURATION, span)
    own = span.attributes.get(semconv.TOOL_DURATION_MS)
    if isinstance(own, int | float):
        seconds = own / 1000
        yield Change(instruments.TOOL_EXECUTION, (span.service, tool), seconds, _exemplar(span, seconds))


def _agent(span: Span) -> Iterator[Change]:
    if semconv.TURN_CONTINUED in span.attributes:
        return
    yield _length(instruments.INVOKE_AGENT_DURATION, span)
    if is_turn_root(span):
        outcome = _text(span, semconv.TURN_OUTCOME)
        yield Change(instruments.TURNS, (span.service, outcome), exemplar=_exemplar(span, 1.0))
        calls = span.attributes.get(semconv.TURN_TOOL_CALLS, 0)
        of_turn = instruments.INVOKE_AGENT_TOOL_CALLS
        yield Change(of_turn, _labels(of_turn, span), float(calls), _exemplar(span, float(calls)))


def _error(span: Span) -> Iterator[Change]:
    if span.status is SpanStatus.ERROR:
        labels = (span.service, _text(span, semconv.OPERATION_NAME), _text(span, semconv.ERROR_TYPE))
        yield Change(instruments.ERRORS, labels, exemplar=_exemplar(span, 1.0))


def _permission(span: Span) -> Change:
    seconds = (span.end_ns - span.start_ns) / NANOS
    labels = (span.service, _text(span, semconv.TOOL_NAME), _text(span, semconv.PERMISSION_DECISION))
    return Change(instruments.PERMISSION_WAIT, labels, seconds, _exemplar(span, seconds))


def _length(instrument: Instrument, span: Span) -> Change:
    """The convention wants the same value on span and metric."""
    seconds = (span.end_ns - span.start_ns) / NANOS
    return Change(instrument, _labels(instrument, span), seconds, _exemplar(span, seconds))


def _labels(instrument: Instrument, span: Span) -> tuple[str, ...]:
    """The span's own attributes; what the main agent did is under its name, which its tools' spans do not carry.

    A subagent without a name, as the one that compacts, has none: it must not pass for the main agent.
    """
    is_main = semconv.AGENT_ID not in span.attributes
    named = ({semconv.AGENT_NAME: span.service} if is_main else {}) | span.attributes
    return tuple(str(named.get(label, "")) for label in instrument.labels)


def _outcome(span: Span) -> str:
    error = _text(span, semconv.ERROR_TYPE)
    if error in {failures.ABANDONED, failures.INTERRUPTED}:
        return "unfinished"
    return "denied" if error == failures.PERMISSION_DENIED else "error" if error else "ok"


def _exemplar(span: Span, value: float) -> Exemplar:
    return Exemplar(value, span.trace_id, span.span_id, span.end_ns)


def _text(span: Span, name: str) -> str:
    return str(span.attributes.get(name, ""))
