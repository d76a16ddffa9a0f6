"""The same numbers on `/metrics` and over OTLP, kept over a crash, leading to traces."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from sidecar.otel.instruments import INSTRUMENTS
from tests import recorded
from tests.otlp_receiver import OtlpReceiver
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]
TURNS = "leanvibe_turns_total"
AGENT_METRICS = ("gen_ai_", "leanvibe_tool", "leanvibe_turns_total", "leanvibe_sessions", "leanvibe_errors")


def scraped(sidecar: Sidecar) -> Numbers:
    families = prometheus(sidecar.get("/metrics").text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for one in families
        for sample in one.samples
    }


def of_agents(numbers: Numbers) -> Numbers:
    return {series: value for series, value in numbers.items() if series[0].startswith(AGENT_METRICS)}


def turns_ended(sidecar: Sidecar) -> float:
    return sum(value for (name, _), value in scraped(sidecar).items() if name == TURNS)


def post(sidecar: Sidecar, *names: str) -> None:
    for name in names:
        for _, body in recorded.bodies(name):
            assert 204 == sidecar.post_native(body).status_code


def test_numbers_outlive_a_crash_and_leave_by_otlp(receiver: OtlpReceiver) -> None:
    """Killed and started again, the counters of agents go on where they were, and OTLP says the same."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_METRIC_EXPORT_INTERVAL": "300"}
    with running_sidecar(env) as sidecar:
        post(sidecar, "basic", "failure")
        until(lambda: turns_ended(sidecar) == 2, "both turns are counted", sidecar.output)
        before = of_agents(scraped(sidecar))
        sidecar.kill()
        sidecar.start()
        until(lambda: turns_ended(sidecar) >= 2, "the worker answers", sidecar.output)
        assert before == of_agents(scraped(sidecar))
        post(sidecar, "parallel")
        until(lambda: turns_ended(sidecar) == 3, "the third turn is counted", sidecar.output)
        until(lambda: sent_turns(receiver) == 3, "OTLP has them", sidecar.output)
        until(lambda: "leanvibe.events.processed" in receiver.metrics, "the front's are there too", sidecar.output)
    assert set(INSTRUMENTS) - {"leanvibe.permission.wait"} <= set(receiver.metrics)


def sent_turns(receiver: OtlpReceiver) -> float:
    found = receiver.metrics.get("leanvibe.turns")
    return sum(point.value for point in found.points.values()) if found else 0.0


def test_exemplars_lead_to_the_trace(receiver: OtlpReceiver) -> None:
    """In OpenMetrics a bucket of a tool's duration names a span that the backend has."""
    with running_sidecar({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}) as sidecar:
        post(sidecar, "basic")
        until(lambda: turns_ended(sidecar) == 1, "the turn is counted", sidecar.output)
        sidecar.wait_for_sinks("otlp")
        until(lambda: receiver.spans, "the spans arrive", sidecar.output)
        answer = sidecar.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    samples = [sample for family in openmetrics(answer.text) for sample in family.samples]
    found = {
        (sample.exemplar.labels["trace_id"], sample.exemplar.labels["span_id"])
        for sample in samples
        if sample.exemplar and sample.name == "gen_ai_execute_tool_duration_seconds_bucket"
    }
    assert found
    assert set() == found - {(span.trace_id, span.span_id) for span in receiver.spans}


def test_a_running_turn_is_seen() -> None:
    """A turn that is not over shows in `/metrics` and in health, with its wait for permission."""
    asked = {"hook_event_name": "PermissionRequest", "session_id": "s", "prompt_id": "p", "tool_name": "Bash"}
    with running_sidecar() as sidecar:
        sidecar.post_native(asked | {"hook_event_name": "UserPromptSubmit"})
        sidecar.post_native(asked)
        until(lambda: sidecar.health()["turns"]["running"] == 1, "the turn shows", sidecar.output)
        numbers = scraped(sidecar)
        shown = sidecar.health()["turns"]["oldest"][0]
    assert 1 == numbers["leanvibe_turns_running", (("agent", "claude-code"),)]
    assert 1 == numbers["leanvibe_permissions_waiting", ()]
    assert ("claude-code", 2) == (shown["agent"], shown["events"])
    assert shown["waiting_for_permission_seconds"] >= 0
