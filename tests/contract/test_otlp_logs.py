"""Log records over OTLP against a real receiver."""

from collections.abc import Iterator

import msgspec
import pytest

from exporters import Outcome, Rejection
from exporters.otlp import Identity, OtlpConfig, OtlpExporter, Signal
from sidecar.otel import semconv
from sidecar.otel.log_model import LogRecord
from sidecar.otel.logs import log_of
from tests import recorded
from tests.otlp_receiver import Answer, OtlpReceiver

IDENTITY = Identity("11111111-2222-3333-4444-555555555555", "test-host", "amd64", "linux")


@pytest.fixture
def exporter(receiver: OtlpReceiver) -> Iterator[OtlpExporter]:
    running = OtlpExporter(OtlpConfig(endpoint=f"{receiver.url}/v1/logs", signal=Signal.LOGS), IDENTITY)
    running.start()
    yield running
    running.close()


def records() -> list[LogRecord]:
    return [log_of(one) for one in recorded.session("basic")]


def test_every_record_arrives(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """What was exported is what the backend decodes: name, ids, severity, time and attributes."""
    expected = records()
    assert Outcome() == exporter.export(expected)
    for sent, found in zip(expected, receiver.logs, strict=True):
        assert (sent.event_name, sent.trace_id, sent.span_id) == (found.event_name, found.trace_id, found.span_id)
        assert (sent.severity, sent.at_ns, sent.body) == (found.severity, found.at_ns, found.body)
        assert sent.attributes == found.attributes
        assert "claude-code" == found.resource[semconv.SERVICE_NAME]


def test_a_repeat_is_the_same_bytes(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """The same records are the same request, byte by byte."""
    exporter.export(records())
    exporter.export(records())
    first, second = receiver.requests
    assert first.body == second.body


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_backend_without_logs_is_left_alone(receiver: OtlpReceiver, exporter: OtlpExporter, status: int) -> None:
    """A tracing backend knows no path for logs: they are counted as left out, and nothing is a dead letter."""
    receiver.answer(Answer(status=status))
    outcome = exporter.export(records())
    assert (len(records()), ()) == (outcome.skipped, outcome.rejected)
    assert "OTEL_LOGS_EXPORTER" in outcome.reason


def test_an_unfit_record_is_rejected_alone(receiver: OtlpReceiver, exporter: OtlpExporter) -> None:
    """A record whose id is no id spoils no batch."""
    good, bad = records()[:2]
    outcome = exporter.export([good, msgspec.structs.replace(bad, trace_id="xyz")])
    assert (Rejection(1, "the log record cannot be encoded (ValueError)"),) == outcome.rejected
    assert 1 == len(receiver.logs)
