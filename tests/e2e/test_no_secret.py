"""A session full of secrets, through HTTP into the real sidecar with every sink on: they are nowhere."""

from collections.abc import Iterator

import pytest

from tests.e2e.replay import Replay, replayed, text_of
from tests.recorded import payloads, secrets
from tests.servers import Server


@pytest.fixture(scope="module", name="replay")
def _replay(redis_server: Server, postgres_server: Server) -> Iterator[Replay]:
    with replayed(["pii"], redis_server, postgres_server) as replay:
        yield replay


def test_secrets_are_nowhere(replay: Replay) -> None:
    """No secret of the recording is in the store, Redis, PostgreSQL, OTLP, a file, or anything that was said."""
    replay.sidecar.sql("SELECT 1")
    places = {
        **replay.sidecar.files(),
        "rows": text_of(replay.rows),
        "redis": text_of(replay.entries),
        "postgres": text_of(replay.table),
        **{f"otlp request {number}": body for number, body in enumerate(replay.requests)},
    }

    leaks = {
        (secret, place) for secret in secrets() for place, content in places.items() if secret.encode() in content
    }

    assert set() == leaks


def test_the_recordings_do_hold_the_secrets() -> None:
    """The search above could find them: each secret is in the recording as it was posted."""
    raw = text_of(payloads("pii")).decode()

    assert [] == [secret for secret in secrets() if secret not in raw]
