"""A sink that is away longer than the journal reaches back gets everything all the same."""

import redis

from tests.servers import Server
from tests.sidecar_process import running_sidecar
from tests.waiting import until

EVENTS = 320
BODY_BYTES = 70_000


def test_a_sink_is_served_from_the_store(redis_server: Server, redis_url: str) -> None:
    """The journal stays at its bound while Redis is away; Redis then has every event once, in order."""
    redis_server.kill()
    env = {"LEANVIBE_REDIS_URL": redis_url, "LEANVIBE_JOURNAL_MAX_MB": "16"}
    with running_sidecar(env) as sidecar:
        for number in range(EVENTS):
            body = {
                "hook_event_name": "Stop",
                "session_id": "s",
                "prompt_id": f"p{number}",
                "text": "x " * (BODY_BYTES // 2),
            }
            assert 204 == sidecar.post_native(body).status_code
            if number % 50 == 0:
                sidecar.sql("SELECT 1")  # lets the store keep up on a slow machine
        journal = sidecar.data_dir / "journal.sqlite"
        until(lambda: journal.stat().st_size < 20 << 20, "the journal is at its bound", sidecar.output)
        redis_server.start()
        sidecar.stop()  # by then it may wait half a minute until it asks again
        sidecar.start()
        sidecar.wait_for_sinks("redis")

    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        entries: list[tuple[str, dict[str, str]]] = client.xrange("leanvibe:events")  # type: ignore[assignment]
    assert [f"p{number}" for number in range(EVENTS)] == [fields["prompt_id"] for _, fields in entries]
