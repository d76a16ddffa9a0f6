"""What is said of a sink: in one line what it answered and what to do; how far behind; what it refused."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.otlp_receiver import Answer, OtlpReceiver
from tests.servers import free_port
from tests.sidecar_process import Sidecar
from tests.waiting import until

DOWN = "postgresql://u:hunter2@127.0.0.1:{port}/x"


@pytest.mark.parametrize(
    ("sink", "setting", "value", "said"),
    [
        pytest.param("redis", "LEANVIBE_REDIS_URL", "htp:/x", "LEANVIBE_REDIS_URL", id="no URL"),
        pytest.param("postgres", "LEANVIBE_POSTGRES_DSN", DOWN, "PostgreSQL at 127.0.0.1", id="nobody there"),
    ],
)
def test_a_wrong_sink_is_one_line(tmp_path: Path, sink: str, setting: str, value: str, said: str) -> None:
    """Start goes on; health names sink, answer and remedy in one line, its lag in events and seconds, no password."""
    with contextlib.closing(Sidecar(tmp_path, {setting: value.format(port=free_port())})) as sidecar:
        sidecar.start()
        assert 204 == sidecar.post_native({"hook_event_name": "Stop", "session_id": "s"}).status_code
        facts = until(lambda: failing(sidecar, sink), "the sink fails", sidecar.output)

    assert "degraded" == facts["status"]
    assert said in facts["last_error"]
    assert "\n" not in facts["last_error"]
    assert "hunter2" not in facts["last_error"]
    assert 1 == facts["lag_events"]
    assert facts["lag_seconds"] >= 0
    assert facts["last_error_at"] <= facts["next_attempt_at"]


def test_dead_letters_are_counted_for_good(tmp_path: Path) -> None:
    """What a sink will never take is counted with its reason, over a restart too, and holds up nothing."""
    with OtlpReceiver() as receiver:
        receiver.answer_always(Answer(status=400))
        env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces"}
        with contextlib.closing(Sidecar(tmp_path, env)) as sidecar:
            sidecar.start()
            for name in ("UserPromptSubmit", "Stop"):
                sidecar.post_native({"hook_event_name": name, "session_id": "s", "prompt_id": "p"})
            until(
                lambda: sidecar.health()["sinks"].get("otlp", {}).get("dead_letters"),
                "it is given up",
                sidecar.output,
            )
            until(lambda: sidecar.sql("SELECT 1 FROM dead_letters"), "it is written", sidecar.output)
            reasons = sidecar.sql("SELECT sink, reason FROM dead_letters")
            sidecar.stop()
            sidecar.start()
            facts = until(lambda: sidecar.health()["sinks"].get("otlp"), "the worker is up", sidecar.output)

    assert [("otlp", True)] == [(sink, "400" in reason) for sink, reason in reasons]
    assert (1, 0) == (facts["dead_letters"], facts["lag_events"])


def failing(sidecar: Sidecar, sink: str) -> dict[str, Any] | None:
    facts: dict[str, Any] = sidecar.health()["sinks"].get(sink, {})
    return facts if facts.get("last_error") and facts["lag_events"] else None
