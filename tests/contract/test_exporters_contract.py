"""The laws that every exporter of events keeps, on its real server."""

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import msgspec
import pytest

from exporters import Exporter, Outcome
from exporters.postgres import connection
from sidecar.errors import TransientExportError
from sidecar.events import HookEvent
from tests.contract.rigs import Rig, postgres_rig, redis_rig
from tests.recorded_events import recorded_events
from tests.servers import PASSWORD, free_port
from tests.tcp_proxy import Fault, TcpProxy
from tests.waiting import until


@pytest.fixture(params=["redis", "postgres"])
def rig(request: pytest.FixtureRequest) -> Rig:
    name = request.param
    if name == "redis":
        return redis_rig(request.getfixturevalue("redis_server"), request.getfixturevalue("redis_url"))
    return postgres_rig(request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_dsn"))


@pytest.fixture
def exporter(rig: Rig) -> Iterator[Exporter[HookEvent]]:
    exporter = rig.exporter()
    exporter.start()
    yield exporter
    exporter.close()


@pytest.fixture(scope="module")
def http_port() -> Iterator[int]:
    """The port of a server that speaks HTTP and nothing else."""
    handler = type("Silent", (http.server.BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def ids(events: list[HookEvent]) -> list[str]:
    return [event.event_id for event in events]


def test_every_recorded_event_is_delivered_in_order(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """What was exported is in the backend, event by event, in the journal's order."""
    events = recorded_events(205)
    assert Outcome() == exporter.export(events)
    assert ids(events) == rig.delivered()


def test_a_repeated_batch_is_harmless(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """A batch sent twice adds no event for who reads by event id; a keyed backend holds each once."""
    events = recorded_events(20)
    exporter.export(events)
    assert Outcome() == exporter.export(events)
    assert set(ids(events)) == set(rig.delivered())
    assert (20 if rig.keyed else 40) == len(rig.delivered())


def test_one_bad_event_is_rejected_alone(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """An event that the backend can never take is rejected with a reason; all others arrive."""
    events = recorded_events(50)
    bad = [*events[:17], msgspec.structs.replace(events[17], occurred_at=10**30), *events[18:]]
    outcome = exporter.export(bad)
    assert [17] == [rejection.index for rejection in outcome.rejected]
    assert outcome.rejected[0].reason
    assert ids(events[:17] + events[18:]) == rig.delivered()


def test_bad_events_are_found_wherever_they_are(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """Each bad event is rejected under its own index, first and last included, and all where all are bad."""
    events = recorded_events(9)
    worse = [msgspec.structs.replace(event, occurred_at=10**30) for event in events]
    mixed = [worse[i] if i in {0, 4, 8} else events[i] for i in range(9)]
    assert [0, 4, 8] == [rejection.index for rejection in exporter.export(mixed).rejected]
    assert 9 == len(exporter.export(worse).rejected)
    assert 6 == len(rig.delivered())


def test_nothing_in_an_event_hurts(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """NUL characters, escapes, emoji, huge numbers and depth are kept in some form; nothing is refused."""
    payloads = [
        rb'{"a\u0000b":"c\u0000","d":"\\u0000 \ud83d\ude00 \ud83d \udc00"}',
        rb'{"n":1e400000,"m":' + b"9" * 200_000 + b"}",
        b'{"deep":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        '{"text":"ünï\U0001f600"}'.encode(),
    ]
    events = [
        msgspec.structs.replace(event, payload=msgspec.Raw(payload), error="nul \0 \U0001f600 'quote' %s \\")
        for event, payload in zip(recorded_events(4), payloads, strict=True)
    ]
    assert Outcome() == exporter.export(events)
    assert ids(events) == rig.delivered()


def test_a_large_batch_goes_in_portions(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """A batch of many megabytes arrives whole."""
    text = msgspec.Raw(msgspec.json.encode({"text": "x" * 900_000}))
    events = [msgspec.structs.replace(event, payload=text) for event in recorded_events(9)]
    assert Outcome() == exporter.export(events)
    assert ids(events) == rig.delivered()


def test_a_sink_that_is_down_at_start_may_come_later(rig: Rig) -> None:
    """`start` fails as transient while the server is down, and works on the same exporter once it is up."""
    exporter, events = rig.exporter(), recorded_events(3)
    rig.server.kill()
    with pytest.raises(TransientExportError):
        exporter.start()
    with pytest.raises(TransientExportError):
        exporter.export(events)
    rig.server.start()
    exporter.start()
    assert Outcome() == exporter.export(events)
    exporter.close()


def test_a_sink_killed_midway_is_used_again(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """A crash of the server is transient; the next `export` after its return works, without a new `start`."""
    events = recorded_events(6)
    exporter.export(events[:3])
    rig.server.kill()
    with pytest.raises(TransientExportError):  # a process of PostgreSQL may outlive its parent for a moment
        until(lambda: exporter.export(events[3:]) is None, "the crash shows")
    rig.server.start()
    assert Outcome() == exporter.export(events[3:])
    assert ids(events[3:]) == rig.delivered()[-3:]


def test_close_is_safe_at_any_time(rig: Rig) -> None:
    """`close` may come before `start`, twice, and between two batches."""
    exporter = rig.exporter()
    exporter.close()
    exporter.start()
    exporter.close()
    exporter.close()
    assert Outcome() == exporter.export(recorded_events(1))
    exporter.close()


def test_start_is_repeatable(rig: Rig, exporter: Exporter[HookEvent]) -> None:
    """A second `start` leaves what is there and goes on."""
    events = recorded_events(2)
    exporter.export(events[:1])
    exporter.start()
    exporter.export(events[1:])
    assert ids(events) == rig.delivered()


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        pytest.param(f":{PASSWORD}@", ":hunter2@", id="wrong password"),
        pytest.param(f"//.*:{PASSWORD}@", "//", id="no password"),
        pytest.param(f":{PASSWORD}@", ":hun@ter2@", id="password with an @"),
        pytest.param(f":{PASSWORD}@", ":hun/ter2@", id="password with a slash"),
        pytest.param(r"127\.0\.0\.1", "no-such-host.invalid", id="unknown host"),
        pytest.param(r":\d+/", ":{closed}/", id="closed port"),
        pytest.param(r":\d+/", ":{http}/", id="HTTP port"),
        pytest.param(r":\d+/", ":port/", id="no port"),
        pytest.param(r":\d+/", ":99999/", id="port too high"),
        pytest.param(r"127\.0\.0\.1", "a" * 70, id="no host name"),
        pytest.param(r"^\w+:", "ftp:", id="other scheme"),
        pytest.param(r"/[^/]*$", "/77", id="no such database"),
        pytest.param(r"$", "?pass_word=hunter2", id="unknown option"),
    ],
)
def test_a_wrong_url_is_one_clear_line(rig: Rig, http_port: int, pattern: str, replacement: str) -> None:
    """A URL that cannot work is transient: one line says where and what to do, and shows no credentials."""
    changed = replacement.format(closed=free_port(), http=http_port)
    exporter = rig.build(re.sub(pattern, changed, rig.url, count=1))
    with pytest.raises(TransientExportError) as raised:
        exporter.start()
    text = str(raised.value)
    assert raised.value.hint
    assert "\n" not in text
    assert 250 > len(text)
    assert [] == [secret for secret in (PASSWORD, "hunter2", "hun", "ter2") if secret in text]
    assert raised.value.__suppress_context__, "a traceback would show the cause, and with it the URL"


@pytest.mark.parametrize(("name", "option"), [("redis", "url"), ("postgres", "dsn")])
def test_a_sink_that_is_not_used_costs_nothing(name: str, option: str) -> None:
    """Building an exporter imports none of the libraries that it works with."""
    program = f"""
import sys
from exporters.registry import EXPORTERS
EXPORTERS[{name!r}]({option}="x")
print({{"hiredis", "psycopg", "alembic", "sqlalchemy"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.RESET, Fault.TRUNCATE])
def test_a_network_that_fails_midway_costs_a_repeat_and_no_more(
    rig: Rig, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch cut off is transient within bounded time; repeated it is whole, and once where there is a key."""
    monkeypatch.setattr(connection, "GRACE", 0.2)
    events = recorded_events(60)
    with TcpProxy(rig.server.port) as network:
        exporter = rig.impatient(network.through(rig.url))
        assert Outcome() == exporter.export(events[:20])
        network.be(fault)
        for _ in range(2):
            with pytest.raises(TransientExportError):
                exporter.export(events[20:])
        network.be(Fault.NONE)
        assert Outcome() == exporter.export(events[20:])
        exporter.close()

    assert set(ids(events)) == set(rig.delivered())
    assert len(events) == len(rig.delivered()) or not rig.keyed
