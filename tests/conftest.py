"""Fixtures for all tests: an environment without our settings; real servers, started when first asked for."""

import os
import signal
from collections.abc import Iterator

import pytest
import redis

from tests.commands import OURS
from tests.otlp_receiver import OtlpReceiver
from tests.servers import Server, fresh_database, running_postgres, running_redis
from tests.sidecar_process import Sidecar, running_sidecar


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: most tests wait for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_configure() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so would all that the tests start and end by it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _environment_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """The URL of an empty Redis, running again if a test had ended it."""
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_dsn(postgres_server: Server) -> Iterator[str]:
    """The DSN of an empty database of its own, on a server that runs again if a test had ended it."""
    postgres_server.start()
    with fresh_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """An OTLP backend that has received nothing."""
    with OtlpReceiver() as running:
        yield running


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    """A sidecar without any sink, for the tests of one module together."""
    with running_sidecar() as running:
        yield running
