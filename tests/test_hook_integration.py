"""The integration guide's own suite, class by class under the guide's names, on the real sidecar and real sinks."""

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from sidecar.errors import BadRequestError, IngestError
from sidecar.events import FIELDS, EventType
from sidecar.front.health import performance_answer
from sidecar.front.monitor import PerformanceMonitor
from sidecar.redact import PIIRedactor
from sidecar.settings import Settings
from tests import guide_rig as guide
from tests.delivered import received, stream, table
from tests.recorded_events import recorded_events
from tests.sidecar_process import API, Sidecar, running_sidecar
from tests.waiting import PATIENCE


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[guide.Ingest]:
    with guide.ingest(tmp_path) as running:
        yield running


class TestPIIRedactor:
    @pytest.mark.parametrize(("secret", "shown"), guide.EXAMPLES)
    def test_patterns(self, secret: str, shown: str) -> None:
        """What the guide lists is replaced by the guide's placeholder wherever in the payload it stands."""
        redacted = PIIRedactor().redact(
            {"parameters": {"text": f"see {secret} there"}, "result": [{"deep": [secret]}]}
        )
        assert {"parameters": {"text": f"see {shown} there"}, "result": [{"deep": [shown]}]} == redacted.value
        assert (2, False) == (sum(redacted.counts.values()), redacted.failed)

    @pytest.mark.parametrize("shape", [str.lower, str.upper, "user_{}".format])
    @pytest.mark.parametrize(("name", "value"), guide.FIELDS.items())
    def test_sensitive_field_names(self, name: str, value: str, shape: Any) -> None:
        """A field of a name that the guide lists, alone or at the end of a longer one, loses a value of its kind."""
        redacted = PIIRedactor().redact({"parameters": {"config": {shape(name): value}}})
        assert [shape(name)] == list(redacted.value["parameters"]["config"])
        assert value not in str(redacted.value)
        assert 1 == sum(redacted.counts.values())

    def test_what_is_not_sensitive_stays(self) -> None:
        """A payload without anything of the list comes out as it went in, ids and times included."""
        redacted = PIIRedactor().redact(copy.deepcopy(guide.HARMLESS))
        assert (guide.HARMLESS, {}, False) == (redacted.value, redacted.counts, redacted.failed)

    def test_text(self) -> None:
        """Text is redacted by the same rules as a payload, and a second time changes nothing."""
        assert guide.REDACTED == PIIRedactor().redact_text(guide.TEXT)
        assert guide.REDACTED == PIIRedactor().redact_text(guide.REDACTED)


class TestPerformanceMonitor:
    @pytest.mark.parametrize(
        ("milliseconds", "level", "health"),
        [
            (0, "good", "healthy"),
            (99.9, "good", "healthy"),
            (100, "warning", "degraded"),
            (150, "warning", "degraded"),
            (150.1, "degraded", "degraded"),
        ],
    )
    def test_thresholds(self, milliseconds: float, level: str, health: str) -> None:
        """The mean decides: good below 100 ms, warning to 150 ms, degraded above; each says so in its own list."""
        monitor = PerformanceMonitor(guide.Clock())
        monitor.processed(recorded_events(4), milliseconds / 1000)
        snapshot = monitor.snapshot()
        assert (level, health) == (snapshot.level, snapshot.health)
        degradation = performance_answer(snapshot)["degradation"]
        expected = (level != "good", level == "degraded", level == "warning")
        assert expected == tuple(bool(degradation[name]) for name in ("is_degraded", "issues", "warnings"))

    @pytest.mark.parametrize(("failures", "level"), [(0, "good"), (5, "good"), (6, "critical"), (100, "critical")])
    def test_failures(self, failures: int, level: str) -> None:
        """More than 5 % failures are critical, however fast the others were."""
        monitor = PerformanceMonitor(guide.Clock())
        monitor.processed(recorded_events(100 - failures), 0.001)
        monitor.failed(failures)
        snapshot = monitor.snapshot()
        assert (level, level == "critical") == (snapshot.level, snapshot.health == "unhealthy")
        assert pytest.approx(1 - failures / 100) == snapshot.success_rate
        assert (100 - failures, failures) == (snapshot.events_processed, snapshot.events_failed)

    def test_percentiles_mean_and_rate(self) -> None:
        """Of 1 to 100 ms within ten seconds: P50, P95, P99 by nearest rank, the mean, and ten events a second."""
        clock = guide.Clock()
        monitor = PerformanceMonitor(clock)
        for milliseconds, event in enumerate(recorded_events(100), 1):
            monitor.processed([event], milliseconds / 1000)
        clock.now += 10
        found = monitor.snapshot()
        assert (50, 95, 99) == (found.p50, found.p95, found.p99)
        assert (50.5, 10) == (found.avg_processing_time_ms, found.events_per_second)

    def test_the_window_slides(self) -> None:
        """What happened over a minute ago counts in the totals only."""
        clock = guide.Clock()
        monitor = PerformanceMonitor(clock)
        monitor.processed(recorded_events(10), 9.0)
        monitor.failed(10)
        clock.now += 61
        found = monitor.snapshot()
        assert ("good", 10, 10) == (found.level, found.events_processed, found.events_failed)
        assert (0, 0, 1) == (found.events_per_second, found.avg_processing_time_ms, found.success_rate)


class TestHookEventProcessor:
    @pytest.mark.parametrize("event_type", guide.EVENT_TYPES)
    @pytest.mark.parametrize("size", [0, 100_000])
    def test_every_event_type(self, event_type: str, size: int, ingest: guide.Ingest) -> None:
        """Each of the guide's types, small or large, is redacted, named, durable and counted when it returns."""
        event = ingest.process(guide.tool_event("s", event_type=event_type, result="x " * size))
        assert [event] == ingest.journal() == ingest.published
        assert EventType(event_type) is event.event_type
        assert {"POST_TOOL_USE": True, "ERROR": False}.get(event_type) is event.success
        assert guide.REDACTED == json.loads(bytes(event.payload))["parameters"]["text"]
        assert (1, "this-host", 6) == (event.seq, event.host, sum(event.redactions.values()))
        assert 1 == ingest.monitor.snapshot().events_processed

    @pytest.mark.parametrize("body", guide.BAD_BODIES)
    def test_what_is_no_event(self, body: bytes, ingest: guide.Ingest) -> None:
        """A body that is no event is refused, counted as failed, and leaves nothing behind."""
        with pytest.raises(BadRequestError):
            ingest.process(body)
        assert ([], []) == (ingest.journal(), ingest.published)
        assert (0, 1) == (ingest.monitor.snapshot().events_processed, ingest.monitor.snapshot().events_failed)

    def test_an_event_that_is_sent_again(self, ingest: guide.Ingest) -> None:
        """The id that a client chose is its idempotency key: a repeat has the same answer and is not kept twice."""
        first, again = (ingest.process({"session_id": "s", "event_id": "mine"}) for _ in range(2))
        assert ("mine", 1) == (again.event_id, again.seq)
        assert [first] == ingest.journal() == ingest.published

    def test_many_at_once(self, ingest: guide.Ingest) -> None:
        """Each event of a batch has its own result, in order; a bad one takes none along."""
        results = ingest.process_many({"session_id": "a"}, {}, 3, {"session_id": "b"})
        assert [False, True, True, False] == [isinstance(result, IngestError) for result in results]
        assert [results[0], results[3]] == ingest.journal()


class TestHookAPIEndpoints:
    @pytest.mark.parametrize("event_type", guide.EVENT_TYPES)
    def test_every_event_type(self, event_type: str, sidecar: Sidecar) -> None:
        """Each of the guide's types is answered in the guide's shape, and is in the store by then, redacted."""
        answer = sidecar.post_guide(guide.tool_event("typed", event_type=event_type))
        body = answer.json()
        assert (200, guide.RESPONSE) == (answer.status_code, set(body))
        assert ("processed", True, []) == (body["status"], body["redacted"], body["performance_warnings"])
        assert isinstance(body["processing_time_ms"], float)
        columns = "event_type, tool_name, agent_id, parameters ->> 'text'"
        stored = sidecar.sql(f"SELECT {columns} FROM events WHERE event_id = '{body['event_id']}'")
        assert [[event_type, "Bash", "agent-1", guide.REDACTED]] == stored

    def test_the_guides_curl_commands(self, sidecar: Sidecar) -> None:
        """Both commands of the guide's health verification get what it promises, under the name that they use."""
        assert 8000 == Settings.model_fields["port"].default
        headers = {"Host": "localhost:8000", "User-Agent": "curl/8.5.0", "Accept": "*/*"}
        assert sidecar.get(f"{API}/health", headers=headers).is_success
        body = sidecar.post_guide(guide.CURL, headers=headers).json()
        assert ("processed", False, []) == (body["status"], body["redacted"], body["performance_warnings"])

    @pytest.mark.parametrize(
        ("milliseconds", "kilobytes", "slow", "large"),
        [(2000, 99, False, False), (2000.5, 0, True, False), (1, 101, False, True), (9000, 300, True, True)],
    )
    def test_warnings(self, milliseconds: float, kilobytes: int, slow: bool, large: bool, sidecar: Sidecar) -> None:
        """A tool over 2000 ms and a result over 100 KB are warned of, by default."""
        result = "x" * (kilobytes * 1024)
        answer = sidecar.post_guide({"session_id": "w", "execution_time_ms": milliseconds, "result": result})
        warnings = answer.json()["performance_warnings"]
        expected = ["slow tool"] * slow + ["large result"] * large
        assert expected == [warning.partition(":")[0] for warning in warnings]

    def test_thresholds_of_warnings(self) -> None:
        """LEANVIBE_SLOW_TOOL_THRESHOLD (ms) and LEANVIBE_LARGE_RESULT_THRESHOLD (KB) say when to warn."""
        env = {"LEANVIBE_SLOW_TOOL_THRESHOLD": "5", "LEANVIBE_LARGE_RESULT_THRESHOLD": "1"}
        with running_sidecar(env) as strict:
            event = {"session_id": "w", "tool_name": "Bash", "execution_time_ms": 6, "result": "x" * 2048}
            warnings = strict.post_guide(event).json()["performance_warnings"]
        slow, large = warnings
        assert "slow tool: Bash took 6 ms (threshold 5 ms)" == slow
        assert "large result: Bash gave 2 KB (threshold 1 KB)" == large

    @pytest.mark.parametrize("body", guide.BAD_BODIES)
    def test_bad_input(self, body: bytes, sidecar: Sidecar) -> None:
        """What is no event is answered with 400 in the guide's shape, with the reason, and not stored."""
        before = sidecar.sql("SELECT count(*) FROM events")
        answer = sidecar.post_guide(body)
        assert (400, "failed", None) == (answer.status_code, answer.json()["status"], answer.json()["event_id"])
        assert guide.RESPONSE | {"error", "hint"} == set(answer.json())
        assert before == sidecar.sql("SELECT count(*) FROM events")

    @pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
    def test_many_events_in_one_request(self, kind: str, sidecar: Sidecar) -> None:
        """An array and NDJSON are answered with a result per event, in order."""
        events = [guide.tool_event("many"), {"no": "session"}, guide.tool_event("many")]
        body = json.dumps(events) if kind == "application/json" else "\n".join(map(json.dumps, events))
        answer = sidecar.post_guide(body.encode(), headers={"Content-Type": kind}).json()
        assert ["processed", "failed", "processed"] == [result["status"] for result in answer["results"]]
        assert (2, 1) == (answer["processed"], answer["failed"])

    def test_hook_performance(self, sidecar: Sidecar) -> None:
        """The performance answer has the guide's keys and types, and counts what was posted."""
        first = sidecar.get(f"{API}/hook-performance").json()
        assert guide.PERFORMANCE == guide.shape(first)
        sidecar.post_guide({"session_id": "counted"})
        now = sidecar.get(f"{API}/hook-performance").json()["performance"]["events_processed"]
        assert first["performance"]["events_processed"] + 1 == now

    @pytest.mark.parametrize("size", [1_000, 100_000])
    def test_stages_tell_where_the_time_goes(self, sidecar: Sidecar, size: int) -> None:
        """With `detail=1` the answer has a time for every stage, for small events and for those of the thread."""
        sidecar.post_native({"session_id": "stages", "hook_event_name": "Stop", "text": "x" * size})
        sidecar.post_guide({"session_id": "stages", "text": "x" * size})
        stages = sidecar.get(f"{API}/hook-performance?detail=1").json()["stages"]
        assert ["read", "decode", "redact", "normalise", "wait", "commit", "other"] == list(stages)
        for name, times in stages.items():
            assert 0 < times["p50"] <= times["p95"] <= times["p99"] <= times["max"], name
        counted = sidecar.get("/metrics").text
        assert 'leanvibe_processing_stage_duration_seconds_count{stage="commit"}' in counted

    def test_health(self, sidecar: Sidecar) -> None:
        """Health names the hook processor and every other component, each with a state, and a reason if need be."""
        answer = sidecar.get(f"{API}/health").json()
        answer["components"]["hook_processor"].pop("error", "")  # other tests have had events refused
        assert guide.HEALTH == guide.shape(answer)
        assert sidecar.pid == answer["pid"]

    def test_metrics(self, sidecar: Sidecar) -> None:
        """The metrics that the guide's dashboard and alerts ask for are there under the guide's names."""
        text = sidecar.get("/metrics").text
        assert [] == [name for name in guide.METRICS if f"\n{name}" not in text]

    def test_a_hundred_events_at_once(self, sidecar: Sidecar) -> None:
        """The guide's load test: a hundred concurrent events are all processed, with an id each, and all stored."""
        events = [{"session_id": f"load-{i}", "event_type": "PRE_TOOL_USE", "tool_name": "test"} for i in range(100)]
        with ThreadPoolExecutor(100) as clients:
            answers = [answer.json() for answer in clients.map(sidecar.post_guide, events)]
        assert {"processed"} == {answer["status"] for answer in answers}
        assert 100 == len({answer["event_id"] for answer in answers})
        assert [[100]] == sidecar.sql("SELECT count(DISTINCT session_id) FROM events WHERE session_id LIKE 'load-%'")

    @pytest.mark.parametrize("path", [f"{API}/events", f"{API}/sql", "/anything"])
    def test_reading_needs_the_token(self, path: str, sidecar: Sidecar) -> None:
        """Whoever has no token or a wrong one reads no event."""
        for given in ("", "Bearer wrong", f"Basic {sidecar.token}"):
            assert 401 == sidecar.get(path, headers={"Authorization": given}).status_code


class TestWebSocketIntegration:
    def test_events_arrive_redacted(self, sidecar: Sidecar) -> None:
        """A client gets every field of an event once it is acknowledged, and nothing that had to go."""
        with sidecar.live() as client:
            event_id = sidecar.post_guide(guide.tool_event("live")).json()["event_id"]
            frame = client.recv(timeout=PATIENCE)
        assert [] == [secret for secret in guide.SECRETS if secret in str(frame)]
        (event,) = json.loads(frame)["events"]
        assert (list(FIELDS), event_id) == (list(event), event["event_id"])
        assert guide.REDACTED == event["payload"]["parameters"]["text"]

    def test_filters(self, sidecar: Sidecar) -> None:
        """The query string chooses which events come."""
        with sidecar.live("?session_id=mine&event_type=ERROR") as client:
            for session, event_type in (("other", "ERROR"), ("mine", "PRE_TOOL_USE"), ("mine", "ERROR")):
                sidecar.post_guide({"session_id": session, "event_type": event_type})
            (event,) = json.loads(client.recv(timeout=PATIENCE))["events"]
        assert ("mine", "ERROR") == (event["session_id"], event["event_type"])

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
    def test_it_needs_the_token(self, headers: dict[str, str], sidecar: Sidecar) -> None:
        """Without the token there is no connection."""
        with pytest.raises(InvalidStatus, match="HTTP 403"):
            sidecar.live(additional_headers=headers)


class TestIntegrationEndToEnd:
    def test_the_whole_flow(self, redis_url: str, postgres_dsn: str) -> None:
        """Each event, redacted once, is the same in DuckDB, Redis, PostgreSQL and on the WebSocket."""
        with running_sidecar({"LEANVIBE_REDIS_URL": redis_url, "LEANVIBE_POSTGRES_DSN": postgres_dsn}) as sidecar:
            with sidecar.live() as client:
                events = [guide.tool_event("flow", event_type=name) for name in guide.EVENT_TYPES]
                ids = [sidecar.post_guide(event).json()["event_id"] for event in events]
                live = received(client, len(events))
            sidecar.wait_for_sinks("redis", "postgres")
            assert "healthy" == sidecar.health()["status"]
            stored = sidecar.sql("SELECT event_id, event_type, payload FROM events ORDER BY seq")
            sidecar.stop()
            leaks = guide.leaks(sidecar.files())
        everywhere = {
            "live": [(event["event_id"], event["event_type"], event["payload"]) for event in live],
            "duckdb": [(event_id, kind, json.loads(payload)) for event_id, kind, payload in stored],
            "redis": [(e["event_id"], e["event_type"], json.loads(e["payload"])) for e in stream(redis_url)],
            "postgres": [(row["event_id"], row["event_type"], row["payload"]) for row in table(postgres_dsn)],
        }
        expected = [
            (event_id, event["event_type"], {**event, "parameters": {"text": guide.REDACTED}})
            for event_id, event in zip(ids, events, strict=True)
        ]
        assert dict.fromkeys(everywhere, expected) == everywhere
        assert [] == leaks
