"""The OTLP exporter against a real receiver."""

import contextlib
import datetime as dt
import email.utils
import itertools
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from exporters import Outcome, Rejection
from exporters.otlp import Identity, OtlpConfig, OtlpExporter, config_from_env
from exporters.otlp.answers import retry_after
from sidecar.errors import ExportError, PermanentExportError, TransientExportError
from sidecar.otel import semconv
from sidecar.otel.model import Span, SpanEvent, SpanLink
from sidecar.otel.spans import spans_of_turn
from sidecar.otel.turns import TurnAssembler
from tests import recorded
from tests.otlp_receiver import Answer, OtlpReceiver, partial
from tests.waiting import PATIENCE

IDENTITY = Identity("11111111-2222-3333-4444-555555555555", "test-host", "amd64", "linux")


def started(url: str, **environment: str) -> OtlpExporter:
    config = config_from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "2000"} | environment)
    assert config is not None
    exporter = OtlpExporter(config, IDENTITY)
    exporter.start()
    return exporter


@pytest.fixture
def exporter(receiver: OtlpReceiver) -> Iterator[OtlpExporter]:
    running = started(receiver.url)
    yield running
    running.close()


def span(number: int = 1, **changes: Any) -> Span:
    made = Span(
        trace_id=f"{7:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None,
        name="execute_tool Bash",
        start_ns=1_000,
        end_ns=2_000,
        attributes={semconv.TOOL_NAME: "Bash"},
    )
    return msgspec.structs.replace(made, **changes)


def all_spans(name: str) -> list[Span]:
    turns = TurnAssembler()
    events = recorded.session(name)
    return turns.feed(events, 0) + turns.feed([], events[-1].received_at + 10**10)


@pytest.mark.parametrize("name", recorded.NAMES)
def test_sessions_arrive_whole(name: str, receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """Every recorded session arrives as it was mapped: ids, parents, times, attributes, events and links."""
    spans = all_spans(name)
    assert Outcome() == exporter.export(spans)
    for sent, got in zip(spans, receiver.spans, strict=True):
        assert (sent.trace_id, sent.span_id, sent.parent_span_id) == (
            got.trace_id,
            got.span_id,
            got.parent_span_id,
        )
        assert (sent.name, sent.start_ns, sent.end_ns) == (got.name, got.start_ns, got.end_ns)
        assert (int(sent.kind), int(sent.status)) == (got.kind, got.status)
        assert sent.attributes == got.attributes
        assert tuple((link.trace_id, link.span_id) for link in sent.links) == got.links
        assert ("claude-code", "test-host") == (got.resource["service.name"], got.resource["host.name"])
        assert semconv.SCOPE_NAME == got.scope


def test_repeats_are_the_same_bytes(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """The same spans are the same request, also from another exporter after a restart."""
    spans = all_spans("subagent")
    exporter.export(spans)
    exporter.export(spans)
    another = started(receiver.url)
    another.export(all_spans("subagent"))
    another.close()
    assert 1 == len({request.body for request in receiver.requests})


POISON = [
    span(1, name="lone \ud800 surrogate", attributes={"a\udfff": "b\ud83d", "nul": "\x00"}),
    span(2, start_ns=-5, end_ns=-9),
    span(3, start_ns=2**70, end_ns=1),
    span(4, attributes={"huge": 2**70, "low": -(2**70), "nan": float("nan"), "long": "é" * 100_000}),
    span(5, attributes={f"a{n}": n for n in range(1000)}),
    span(6, events=tuple(SpanEvent("e", n) for n in range(1000)), links=(SpanLink("7" * 32, "7" * 16),) * 99),
    span(7, name="n" * 100_000, service="s\ud800"),
]


def test_poison_spans_are_made_fit(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """What protobuf refuses is made fit, so that every span of the batch arrives."""
    assert Outcome() == exporter.export(POISON)
    got = {one.span_id: one for one in receiver.spans}
    assert 7 == len(got)
    assert "lone ? surrogate" == got[span(1).span_id].name
    assert (0, 0) == (got[span(2).span_id].start_ns, got[span(2).span_id].end_ns)
    assert 2**63 - 1 == got[span(4).span_id].attributes["huge"]
    assert 8192 == len(got[span(4).span_id].attributes["long"].encode())
    assert 128 == len(got[span(5).span_id].attributes)
    assert (128, 32) == (len(got[span(6).span_id].events), len(got[span(6).span_id].links))


def test_a_span_without_an_id_is_rejected_alone(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """A span that cannot be sent is rejected by its index; the others arrive."""
    batch = [span(1), span(2, trace_id="no hex"), span(3, span_id="0" * 16), span(4)]
    outcome = exporter.export(batch)
    assert [1, 2] == [one.index for one in outcome.rejected]
    assert [span(1).span_id, span(4).span_id] == [one.span_id for one in receiver.spans]
    assert 1 == len(exporter.export([span(2, trace_id="")]).rejected)
    assert 1 == len(receiver.requests)


def test_partial_success_is_seen(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """A partial success is counted; only when all spans were rejected is it known which."""
    receiver.answer(partial(2, "too\nold"), partial(3, "all of them"), partial(0, "a warning"))
    batch = [span(1), span(2), span(3)]
    assert Outcome(unnamed=2, reason="too old") == exporter.export(batch)
    everything = tuple(Rejection(index, "all of them") for index in range(3))
    assert Outcome(everything, reason="all of them") == exporter.export(batch)
    assert Outcome(reason="a warning") == exporter.export(batch)


def test_a_reason_quotes_no_credentials(receiver: OtlpReceiver) -> None:
    """Of what a header holds a reason tells nothing, also where it is long and its words are cut."""
    token = "0123456789" * 30
    with contextlib.closing(
        started(receiver.url, OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{token}")
    ) as sender:
        receiver.answer(partial(0, f"unknown: Bearer {token}"), partial(0, f"{token} is old"))
        told = [sender.export([span()]).reason for _ in range(2)]

    assert ["unknown: […]", "[…] is old"] == told


def test_large_batches_go_out_in_pieces(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """No request is larger than servers take by default, and a rejected piece is told by its indexes."""
    batch = [span(n + 1, attributes={f"a{n}": "x" * 8192 for n in range(100)}) for n in range(10)]
    receiver.answer(Answer(), partial(3, "no"))
    outcome = exporter.export(batch)
    assert [3, 4, 5] == [one.index for one in outcome.rejected]
    assert 4 == len(receiver.requests)
    assert max(len(request.body) for request in receiver.requests) < 4 * 2**20
    assert [one.span_id for one in batch] == [one.span_id for one in receiver.spans]


def test_partial_success_in_json(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """Vendors that answer JSON to protobuf are understood."""
    said = b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no"}}'
    receiver.answer(Answer(body=said, headers={"Content-Type": "application/json"}))
    assert 1 == exporter.export([span(1), span(2)]).unnamed


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_come_back_later(status: int, receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """Overload is transient, and `Retry-After` is passed on, not waited for."""
    receiver.answer(Answer(status, {"Retry-After": "7"}), Answer(status))
    with pytest.raises(TransientExportError) as caught:
        exporter.export([span()])
    assert 7.0 == caught.value.retry_after
    with pytest.raises(TransientExportError) as caught:
        exporter.export([span()])
    assert None is caught.value.retry_after
    assert 2 == len(receiver.requests)


REFUSALS = {
    **dict.fromkeys([301, 302, 307, 308, 401, 403, 404, 408, 415, 500, 501], TransientExportError),
    **dict.fromkeys([400, 413, 422], PermanentExportError),
}


@pytest.mark.parametrize(("status", "kind"), REFUSALS.items())
def test_refusals(status: int, kind: type[ExportError], receiver: OtlpReceiver) -> None:
    """What speaks of the request is for ever, all else can be put right; URL, status and what to do are named."""
    receiver.answer(Answer(status, {"Location": "http://127.0.0.1:1/elsewhere"}))
    exporter = started(receiver.url.replace("//", "//user:hush@"))
    with pytest.raises(kind) as caught:
        exporter.export([span()])
    exporter.close()
    assert f"{receiver.url}/v1/traces answered {status}" == caught.value.message
    assert caught.value.hint
    assert "hush" not in str(caught.value)
    assert 1 == len(receiver.requests)


def test_not_otlp(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """A web page is no success, whatever its status."""
    receiver.answer(Answer(body=b"<html>Welcome</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(TransientExportError, match="not OTLP"):
        exporter.export([span()])


def test_nobody_there() -> None:
    """A refused connection is transient."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        exporter = started(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransientExportError, match="cannot be reached"):
            exporter.export([span()])
        exporter.close()


def test_outages_are_survived(receiver: OtlpReceiver) -> None:
    """A stall ends with the timeout, a reset at once, and the next request works."""
    exporter = started(receiver.url, OTEL_EXPORTER_OTLP_TIMEOUT="300")
    receiver.answer(Answer(stall=PATIENCE), Answer(reset=True))
    for said in ("did not answer within 0.3 s", "broke off"):
        with pytest.raises(TransientExportError, match=said):
            exporter.export([span()])
    assert Outcome() == exporter.export([span()])
    exporter.close()


def test_requests_carry_what_was_set(receiver: OtlpReceiver) -> None:
    """Headers, credentials of the URL, compression and resource attributes reach the backend."""
    exporter = started(
        receiver.url.replace("//", "//jane:p%40ss@"),
        OTEL_EXPORTER_OTLP_HEADERS="X-Team=a%20b,x-api-key=k",
        OTEL_EXPORTER_OTLP_COMPRESSION="none",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=lab",
        OTEL_SERVICE_NAME="mine",
    )
    exporter.export([span()])
    exporter.close()
    request = receiver.requests[0]
    assert "/v1/traces" == request.path
    assert "application/x-protobuf" == request.headers["content-type"]
    assert "content-encoding" not in request.headers
    assert ("a b", "k") == (request.headers["x-team"], request.headers["x-api-key"])
    assert "Basic amFuZTpwQHNz" == request.headers["authorization"]
    resource = receiver.spans[0].resource
    assert ("mine", "lab") == (resource["service.name"], resource["deployment.environment.name"])


def test_proxies_are_used(receiver: OtlpReceiver) -> None:
    """A destination beyond a proxy is reached through it, with the proxy's own credentials."""
    proxy = receiver.url.replace("//", "//jane:p%40ss@")
    exporter = started("http://otel.invalid:4318", HTTP_PROXY=proxy)
    exporter.export([span()])
    exporter.close()
    request = receiver.requests[0]
    assert "http://otel.invalid:4318/v1/traces" == request.path
    assert "Basic amFuZTpwQHNz" == request.headers["proxy-authorization"]


def test_spans_stand_under_their_own_service(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """Each agent is a service of its own, with the same instance."""
    exporter.export([span(1), span(2, service="custom"), span(3)])
    found = {one.span_id[-1]: one.resource["service.name"] for one in receiver.spans}
    assert {"1": "claude-code", "2": "custom", "3": "claude-code"} == found
    assert {IDENTITY.instance_id} == {one.resource["service.instance.id"] for one in receiver.spans}
    known = semconv.RESOURCE_ATTRIBUTES
    assert set() == set(itertools.chain.from_iterable(one.resource for one in receiver.spans)) - known


def test_life_cycle(receiver: OtlpReceiver) -> None:
    """Starting again and closing twice are harmless; exporting without a start says what to do."""
    exporter = started(receiver.url)
    exporter.start()
    exporter.export([span()])
    exporter.close()
    exporter.close()
    with pytest.raises(PermanentExportError, match="start"):
        exporter.export([span()])


def test_missing_certificates_are_named() -> None:
    """A TLS file that is not there is a permanent failure of the start."""
    config = OtlpConfig(endpoint="https://localhost:1/v1/traces", certificate="/nonexistent.pem")
    with pytest.raises(PermanentExportError, match="TLS files"):
        OtlpExporter(config, IDENTITY).start()


def test_retry_after_forms() -> None:
    """`Retry-After` is seconds or a date; anything else says nothing."""
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    in_a_minute = email.utils.format_datetime(now + dt.timedelta(minutes=1), usegmt=True)
    forms = ("3", " 2.5 ", in_a_minute, "Thu, 01 Jan 1970 00:00:00 GMT", "-1", "soon", "1e9", None)
    assert [3.0, 2.5, 60.0, 0.0, None, None, None, None] == [retry_after(one, now.timestamp()) for one in forms]


def test_content_capture_goes_over_the_wire(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """Content that capture put on spans arrives in whole."""
    turns = recorded.by_trace(recorded.session("big"))
    spans = [one for events in turns.values() for one in spans_of_turn(events, capture_content=True)]
    exporter.export(spans)
    assert [one.attributes for one in spans] == [one.attributes for one in receiver.spans]
