"""A network that stalls, resets and truncates between the sidecar and one sink: only that sink waits."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporters.postgres import schema
from tests.delivered import stream, table
from tests.otlp_receiver import OtlpReceiver
from tests.servers import Server
from tests.sidecar_process import Sidecar
from tests.tcp_proxy import Fault, TcpProxy
from tests.waiting import until

SINKS = ("redis", "postgres", "otlp")
EVENTS = 15
"""Posted during each fault."""

Networks = Mapping[str, TcpProxy]
Held = Mapping[str, Callable[[], list[str]]]


@pytest.fixture
def networks(redis_server: Server, postgres_server: Server, receiver: OtlpReceiver) -> Iterator[Networks]:
    """A network of its own for each sink."""
    with contextlib.ExitStack() as stack:
        ports = (redis_server.port, postgres_server.port, urlsplit(receiver.url).port or 0)
        yield {name: stack.enter_context(TcpProxy(port)) for name, port in zip(SINKS, ports, strict=True)}


@pytest.fixture
def held(redis_url: str, postgres_dsn: str, receiver: OtlpReceiver) -> Held:
    """The prompt ids that each backend holds, asked past the network."""
    schema.upgrade(postgres_dsn)
    return {
        "redis": lambda: [fields["prompt_id"] for fields in stream(redis_url)],
        "postgres": lambda: [row["prompt_id"] for row in table(postgres_dsn)],
        "otlp": lambda: [span.attributes["prompt.id"] for span in receiver.spans],
    }


def test_a_network_that_fails_holds_up_its_sink_alone(
    tmp_path: Path, networks: Networks, held: Held, redis_url: str, postgres_dsn: str, receiver: OtlpReceiver
) -> None:
    """Whatever the network to one sink does, events are acknowledged and reach the others; back, it gets the rest.

    Nothing is lost, and nothing is twice in PostgreSQL.
    """
    env = {
        "LEANVIBE_REDIS_URL": networks["redis"].through(redis_url),
        "LEANVIBE_POSTGRES_DSN": networks["postgres"].through(postgres_dsn),
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": networks["otlp"].through(f"{receiver.url}/v1/traces"),
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
    }
    numbers = itertools.count()
    posted: list[str] = []
    with contextlib.closing(Sidecar(tmp_path, env)) as sidecar:
        sidecar.start()
        for fault, name in itertools.product((Fault.RESET, Fault.TRUNCATE, Fault.STALL), SINKS):
            before = networks[name].harmed
            networks[name].be(fault)
            post(sidecar, fresh := [f"p{next(numbers)}" for _ in range(EVENTS)])
            posted += fresh
            for other in {"redis", "postgres"} - {name}:  # spans wait for their turn to be over
                until(partial(has, held[other], posted), f"{other} has all", sidecar.output)
            if fault is not Fault.STALL:
                until(partial(struck, networks[name], before), f"the network {fault.value}", sidecar.output)
            assert not has(held[name], posted)
            networks[name].be(Fault.NONE)
            until(partial(has, held[name], posted), f"{name} has the rest", sidecar.output)

        until(partial(has, held["otlp"], posted), "otlp has all", sidecar.output)

    assert sorted(posted) == sorted(held["postgres"]())


def post(sidecar: Sidecar, prompt_ids: list[str]) -> None:
    for one in prompt_ids:
        body = {"hook_event_name": "Stop", "session_id": "s", "prompt_id": one}
        assert 204 == sidecar.post_native(body).status_code


def has(held: Callable[[], list[str]], wanted: list[str]) -> bool:
    """Whether a backend holds all of them."""
    return set(wanted) <= set(held())


def struck(network: TcpProxy, before: int) -> bool:
    """Whether it has harmed a connection since."""
    return network.harmed > before
