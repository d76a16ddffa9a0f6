"""The spans of a session, with the sidecar killed and started again in its middle."""

from itertools import pairwise

from sidecar.otel.spans import spans_of_turn
from tests import recorded
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until

NAME = "subagent_sync"


def shape(span: ReceivedSpan) -> tuple[str, str, str | None, str]:
    """What of a span does not depend on when its events came."""
    return span.trace_id, span.span_id, span.parent_span_id, span.name


def expected() -> set[tuple[str, str, str | None, str]]:
    """What the mapping gives for the whole recording at once."""
    turns = recorded.by_trace(recorded.session(NAME)).values()
    return {
        (one.trace_id, one.span_id, one.parent_span_id, one.name) for turn in turns for one in spans_of_turn(turn)
    }


def post(sidecar: Sidecar, bodies: list[dict[str, object]]) -> None:
    for body in bodies:
        assert 204 == sidecar.post_native(body).status_code


def test_crashes_within_a_turn_change_no_span() -> None:
    """Killed after a quarter, a half and three quarters of its events, a session has the same spans, each once."""
    bodies = [body for _, body in recorded.bodies(NAME)]
    cuts = [len(bodies) * part // 4 for part in range(5)]
    with OtlpReceiver() as receiver, running_sidecar({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}) as sidecar:
        for begin, end in pairwise(cuts):
            if begin:
                sidecar.kill()
                sidecar.start()
            post(sidecar, bodies[begin:end])
        until(lambda: expected() <= set(map(shape, receiver.spans)), "every span came", sidecar.output)
        sidecar.stop()
        found = [shape(span) for span in receiver.spans]
    assert expected() == set(found)
    assert len(expected()) == len(found)
