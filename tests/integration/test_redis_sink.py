"""What consumers and operators of the Redis sink may rely on, on a real Redis."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from exporters import Outcome
from exporters.redis_streams import RedisStreamsConfig, RedisStreamsExporter
from sidecar.errors import TransientExportError
from sidecar.events import FIELDS, public
from tests.contract.test_otlp_tls import certificate
from tests.recorded_events import recorded_events
from tests.servers import PASSWORD, Server
from tests.tcp_proxy import TcpProxy

STREAM = "leanvibe:events"


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def exporter(redis_url: str) -> Iterator[RedisStreamsExporter]:
    exporter = RedisStreamsExporter(RedisStreamsConfig(redis_url, timeout=2.0))
    exporter.start()
    yield exporter
    exporter.close()


def test_fields_are_text_that_needs_no_code_of_ours(client: Any, exporter: RedisStreamsExporter) -> None:
    """An entry has the fields of an event that are not None, as text, times in ISO 8601, payload as JSON."""
    event = recorded_events(5)[4]
    exporter.export([event])
    ((_, fields),) = client.xrange(STREAM)
    shown = public(event)
    assert [name for name in FIELDS if shown[name] is not None] == list(fields)
    assert bytes(event.payload).decode() == fields["payload"]
    assert "2026-09-21T14:13:21.373456Z" == shown["received_at"] == fields["received_at"]
    assert {"home_path": 2} == msgspec.json.decode(fields["redactions"])
    assert ("false", "5", "0.25") == (fields["redaction_failed"], fields["seq"], fields["processing_time_ms"])


def test_the_stream_is_trimmed_about_maxlen(client: Any, redis_url: str) -> None:
    """The stream keeps the newest entries, at least `maxlen` of them and at most a node of it more."""
    exporter = RedisStreamsExporter(RedisStreamsConfig(redis_url, maxlen=100))
    events = recorded_events(1000)
    exporter.export(events)
    assert 100 <= client.xlen(STREAM) <= 200
    assert events[-1].event_id == client.xrevrange(STREAM, count=1)[0][1]["event_id"]
    exporter.close()


def test_another_stream_name_is_used(client: Any, redis_url: str) -> None:
    """Entries go to the stream that the configuration names."""
    exporter = RedisStreamsExporter(RedisStreamsConfig(redis_url, stream="mine"))
    exporter.export(recorded_events(2))
    exporter.close()
    assert ["mine"] == client.keys("*")


def test_a_value_larger_than_redis_takes_is_rejected(client: Any, redis_url: str) -> None:
    """A value over `proto-max-bulk-len`, at which Redis would hang up, rejects its event alone."""
    client.config_set("proto-max-bulk-len", 1 << 20)
    try:
        exporter = RedisStreamsExporter(RedisStreamsConfig(redis_url))
        large = msgspec.Raw(msgspec.json.encode("x" * (1 << 20)))
        events = [
            msgspec.structs.replace(event, payload=large) if event.seq == 2 else event for event in recorded_events(3)
        ]
        assert [1] == [rejection.index for rejection in exporter.export(events).rejected]
        assert 2 == client.xlen(STREAM)
        exporter.close()
    finally:
        client.config_set("proto-max-bulk-len", 512 << 20)


def test_a_key_of_another_type_waits_for_the_operator(client: Any, exporter: RedisStreamsExporter) -> None:
    """A key that is no stream is transient, names the setting, and delivery goes on once it is gone."""
    client.set(STREAM, "something else")
    with pytest.raises(TransientExportError, match=r"WRONGTYPE.*LEANVIBE_REDIS_STREAM"):
        exporter.export(recorded_events(2))
    client.delete(STREAM)
    exporter.export(recorded_events(2))
    assert 2 == client.xlen(STREAM)


@pytest.mark.parametrize(
    ("setting", "broken", "sound", "hint"),
    [
        pytest.param("maxmemory", "1", "0", "maxmemory", id="out of memory"),
        pytest.param("replicaof", "127.0.0.1 1", "no one", "primary", id="read only"),
    ],
)
def test_a_redis_that_cannot_write_now_is_transient(
    client: Any, exporter: RedisStreamsExporter, setting: str, broken: str, sound: str, hint: str
) -> None:
    """Out of memory and read-only are transient with a hint, and end with their cause."""
    change = (setting,) if setting == "replicaof" else ("config", "set", setting)
    client.execute_command(*change, *broken.split())
    try:
        with pytest.raises(TransientExportError, match=hint):
            exporter.export(recorded_events(2))
    finally:
        client.execute_command(*change, *sound.split())
    exporter.export(recorded_events(2))
    assert 2 == client.xlen(STREAM)


def test_a_stream_that_takes_no_more_entries_condemns_none(client: Any, exporter: RedisStreamsExporter) -> None:
    """A stream whose IDs are used up refuses everything: even a lone event waits, and arrives in the next stream."""
    client.xadd(STREAM, {"a": "b"}, id=f"{2**64 - 1}-{2**64 - 1}")
    with pytest.raises(TransientExportError, match="LEANVIBE_REDIS_STREAM"):
        exporter.export(recorded_events(1))
    client.rename(STREAM, "away")
    assert Outcome() == exporter.export(recorded_events(1))
    assert 1 == client.xlen(STREAM)


def test_the_right_to_add_is_enough(client: Any, redis_url: str) -> None:
    """A user with nothing but XADD on the stream delivers; one without it is told which right it lacks."""
    client.execute_command("ACL", "SETUSER", "writer", "on", ">pw", f"~{STREAM}", "+xadd")
    client.execute_command("ACL", "SETUSER", "reader", "on", ">pw", f"~{STREAM}", "+xrange")
    try:
        writer = RedisStreamsExporter(RedisStreamsConfig(redis_url.replace(f":{PASSWORD}", "writer:pw")))
        writer.export(recorded_events(1))
        reader = RedisStreamsExporter(RedisStreamsConfig(redis_url.replace(f":{PASSWORD}", "reader:pw")))
        with pytest.raises(TransientExportError, match=r"\+xadd"):
            reader.export(recorded_events(1))
        writer.close()
        reader.close()
    finally:
        client.execute_command("ACL", "DELUSER", "writer", "reader")
    assert 1 == client.xlen(STREAM)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_tls_is_spoken_and_checked(client: Any, redis_url: str, redis_server: Server, tmp_path: Path) -> None:
    """`rediss://` delivers where the certificate is one that we are told to trust, and nowhere else."""
    trusted, key = certificate(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, key)
    with TcpProxy(redis_server.port, context) as network:
        url = network.through(redis_url).replace("redis://", "rediss://")
        stranger = RedisStreamsExporter(RedisStreamsConfig(url, timeout=2.0))
        with pytest.raises(TransientExportError, match=r"TLS does not come about.*rediss://"):
            stranger.start()
        exporter = RedisStreamsExporter(RedisStreamsConfig(f"{url}?ssl_ca_certs={trusted}", timeout=2.0))
        exporter.export(recorded_events(2))
        exporter.close()
    assert 2 == client.xlen(STREAM)
