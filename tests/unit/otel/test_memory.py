"""What is remembered of turns that have left is bounded, whatever agents send."""

import pytest

from sidecar.otel.memory import Departed
from sidecar.otel.model import Span


def span(trace: int, number: int) -> Span:
    return Span(
        trace_id=f"{trace:032x}", span_id=f"{number:016x}", parent_span_id="p", name="n", start_ns=0, end_ns=1,
        attributes={},
    )  # fmt: skip


@pytest.mark.parametrize("traces", [1, 2, 7])
def test_no_more_spans_are_remembered_than_may_be(traces: int) -> None:
    """Nor of a single trace: an agent without prompts puts all that a session of months does into one."""
    departed = Departed(most=5)
    for number in range(100):
        assert 1 == len(departed.leave([span(number % traces, number)]))
        assert len(departed) <= 5


def test_of_one_trace_the_last_are_remembered() -> None:
    """What left last does not leave again; what left long ago is forgotten."""
    departed = Departed(most=5)
    departed.leave([span(1, number) for number in range(8)])

    assert [] == departed.leave([span(1, number) for number in range(3, 8)])
    assert [span(1, 2)] == departed.leave([span(1, 2)])
