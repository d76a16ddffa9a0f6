"""Three sinks that are set up wrongly, at once: each says in one line which it is, what it answered, what to do."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from tests.otlp_receiver import Answer, OtlpReceiver
from tests.servers import PASSWORD, Server, execute, free_port
from tests.sidecar_process import Sidecar
from tests.waiting import until

SINKS = ("redis", "postgres", "otlp")
Case = tuple[dict[str, str], dict[str, str]]
"""The settings of the three, and what each must say."""


def settings(redis_url: str, postgres_dsn: str, otlp: str) -> dict[str, str]:
    return {
        "LEANVIBE_REDIS_URL": redis_url,
        "LEANVIBE_POSTGRES_DSN": postgres_dsn,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{otlp}/v1/traces",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
    }


@pytest.fixture
def nobody_there() -> Case:
    """Ports that nobody listens on."""
    port = free_port()
    found = settings(
        f"redis://127.0.0.1:{port}", f"postgresql://u:hunter2@127.0.0.1:{port}/x", f"http://127.0.0.1:{port}"
    )
    said = dict.fromkeys(("redis", "postgres"), f"127.0.0.1:{port}.*refuses connections.*running there")
    return found, {**said, "otlp": f"127.0.0.1:{port}.*cannot be reached.*is the backend up"}


@pytest.fixture
def another_protocol(redis_url: str, redis_server: Server, receiver: OtlpReceiver) -> Case:
    """HTTP behind the port of Redis; Redis behind the other two."""
    port = redis_server.port
    found = settings(
        f"redis://127.0.0.1:{urlsplit(receiver.url).port}",
        f"postgresql://u:hunter2@127.0.0.1:{port}/x",
        f"http://127.0.0.1:{port}",
    )
    said = {"redis": "not answer as Redis would.*another server's port", "postgres": "as PostgreSQL would.*another"}
    return found, {**said, "otlp": "not answer as HTTP would.*is this its port"}


@pytest.fixture
def refused_login(redis_url: str, postgres_dsn: str, receiver: OtlpReceiver) -> Case:
    """A wrong password, and a backend that wants a header."""
    receiver.answer_always(Answer(status=401))
    wrong = [url.replace(PASSWORD, "hunter2") for url in (redis_url, postgres_dsn)]
    said = {"redis": "check user and password", "postgres": "password authentication failed.*check user and password"}
    return settings(*wrong, receiver.url), {**said, "otlp": "401.*OTEL_EXPORTER_OTLP_HEADERS"}


@pytest.fixture
def missing_right(redis_url: str, postgres_dsn: str, receiver: OtlpReceiver) -> Iterator[Case]:
    """Users who may not write, and a path that takes nothing."""
    receiver.answer_always(Answer(status=404))
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">hunter2", "~*", "+ping")
        execute(postgres_dsn, "DROP ROLE IF EXISTS reader")
        execute(postgres_dsn, "CREATE ROLE reader LOGIN PASSWORD 'hunter2'")
        found = settings(
            redis_url.replace(f":{PASSWORD}", "reader:hunter2"),
            postgres_dsn.replace(f"leanvibe:{PASSWORD}", "reader:hunter2"),
            receiver.url,
        )
        said = {
            "redis": r"no permissions.*\+xadd",
            "postgres": "permission denied.*GRANT",
            "otlp": "404.*check OTEL_EXPORTER_OTLP_ENDPOINT",
        }
        yield found, said
        execute(postgres_dsn, "DROP ROLE reader")
        client.execute_command("ACL", "DELUSER", "reader")


@pytest.mark.parametrize("case", ["nobody_there", "another_protocol", "refused_login", "missing_right"])
def test_each_says_what_it_answered_and_what_to_do(tmp_path: Path, request: pytest.FixtureRequest, case: str) -> None:
    """Start goes on, events are taken; health has one short line per sink with answer and remedy, and no password."""
    env, said = request.getfixturevalue(case)
    with contextlib.closing(Sidecar(tmp_path, env)) as sidecar:
        sidecar.start()
        assert 204 == sidecar.post_native({"hook_event_name": "Stop", "session_id": "s"}).status_code
        sinks: dict[str, Any] = until(lambda: all_failing(sidecar), "all three fail", sidecar.output)
        output = sidecar.output()
        sidecar.kill()  # a stop would try them all once more

    lines = {name: sinks[name]["last_error"] for name in SINKS}
    assert {} == {name: line for name, line in lines.items() if not re.search(said[name], line)}
    assert {} == {name: line for name, line in lines.items() if "\n" in line or len(line) > 300}
    assert {"degraded"} == {sinks[name]["status"] for name in SINKS}
    assert [] == [secret for secret in ("hunter2", PASSWORD) if secret in output + str(sinks)]


def all_failing(sidecar: Sidecar) -> dict[str, Any] | None:
    """The sinks of `/health` once each has an error."""
    sinks: dict[str, Any] = sidecar.health()["sinks"]
    return sinks if all(sinks.get(name, {}).get("last_error") for name in SINKS) else None
