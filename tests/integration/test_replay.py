"""`leanvibe replay`: what the store holds is sent again, in part or whole, and can be continued."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.commands import leanvibe
from tests.delivered import stream
from tests.otlp_receiver import Answer, OtlpReceiver
from tests.sidecar_process import API, Sidecar
from tests.waiting import until

TURNS = 3
SESSIONS = ("one", "two")


@pytest.fixture(name="replayed")
def _replayed(tmp_path: Path, redis_url: str, receiver: OtlpReceiver) -> Iterator[Sidecar]:
    """A sidecar that has delivered three turns of each of two sessions to Redis and OTLP."""
    traces = f"{receiver.url}/v1/traces"
    env = {"LEANVIBE_REDIS_URL": redis_url, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": traces}
    with contextlib.closing(Sidecar(tmp_path, env)) as sidecar:
        sidecar.start()
        for session in SESSIONS:
            for turn in range(TURNS):
                post_turn(sidecar, session, f"{session}-{turn}")
        sidecar.wait_for_sinks("redis", "otlp")
        yield sidecar


def post_turn(sidecar: Sidecar, session: str, prompt: str) -> None:
    same = {"session_id": session, "prompt_id": prompt}
    tool = {"tool_name": "Bash", "tool_use_id": f"toolu_{prompt}"}
    for body in (
        {"hook_event_name": "UserPromptSubmit", "prompt": "go"},
        {"hook_event_name": "PreToolUse", **tool},
        {"hook_event_name": "PostToolUse", **tool},
        {"hook_event_name": "Stop"},
    ):
        assert 204 == sidecar.post_native({**same, **body}).status_code


def replay(sidecar: Sidecar, *options: str) -> str:
    done = leanvibe("replay", "--data-dir", str(sidecar.data_dir), *options)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


def sessions_in(url: str) -> list[str]:
    return [fields["session_id"] for fields in stream(url)]


def test_events_are_sent_again(replayed: Sidecar, redis_url: str) -> None:
    """All of them, those of one session, or those after a place; nothing that is older than asked for."""
    with redis.Redis.from_url(redis_url) as client:
        client.delete("leanvibe:events")

    assert "sent 24, refused 0" == replay(replayed, "--sink", "redis", "--since", "1h")
    assert ["one"] * 12 + ["two"] * 12 == sessions_in(redis_url)
    assert "sent 12, refused 0" == replay(replayed, "--sink", "redis", "--session", "two")
    assert "sent 4, refused 0" == replay(replayed, "--sink", "redis", "--after", "20")
    assert "sent 0, refused 0" == replay(replayed, "--sink", "redis", "--since", "2999-01-01")


def test_turns_are_sent_again_as_they_were(replayed: Sidecar, receiver: OtlpReceiver) -> None:
    """The spans of a replay are those that were sent before, field by field."""
    until(lambda: len(receiver.spans) >= 12, "every turn has left", replayed.output)
    first = list(receiver.spans)

    assert "sent 12, refused 0" == replay(replayed, "--sink", "otlp")
    again = receiver.spans[len(first) :]
    assert {repr(span) for span in first} == {repr(span) for span in again}


def test_dead_letters_are_sent_again_and_forgotten(replayed: Sidecar, receiver: OtlpReceiver) -> None:
    """What the sink takes now is no dead letter any more."""
    until(lambda: len(replayed.sql("SELECT 1 FROM spans")) == 12, "every turn has left", replayed.output)
    receiver.answer_always(Answer(status=400))
    post_turn(replayed, "three", "refused")
    until(lambda: len(replayed.sql("SELECT 1 FROM dead_letters")) == 2, "they are refused", replayed.output)
    assert "sent 0, refused 2" == replay(replayed, "--sink", "otlp", "--dead-letters")
    receiver.answer_always(Answer())

    assert "sent 2, refused 0" == replay(replayed, "--sink", "otlp", "--dead-letters")
    assert [] == replayed.sql("SELECT 1 FROM dead_letters")
    assert "toolu_refused" in {span.attributes.get("gen_ai.tool.call.id") for span in receiver.spans}


def test_replaying_needs_the_token_and_a_sink(sidecar: Sidecar) -> None:
    """Without the token nothing is sent; a sink that is not switched on is named."""
    assert 401 == sidecar.post(f"{API}/replay", {"sink": "redis"}).status_code
    headers = {"Authorization": f"Bearer {sidecar.token}"}
    answer = sidecar.post(f"{API}/replay", {"sink": "redis"}, headers=headers)

    assert (409, "the sink redis is not switched on") == (answer.status_code, answer.json()["error"])
