"""Spans as data."""

import subprocess
import sys

import msgspec
import pytest

from sidecar.otel.model import Span
from sidecar.otel.spans import spans_of_turn
from tests import recorded


@pytest.mark.parametrize("name", recorded.NAMES)
def test_spans_survive_storage(name: str) -> None:
    """A span that was stored as JSON and read back is the same span."""
    for events in recorded.by_trace(recorded.session(name)).values():
        for span in spans_of_turn(events, capture_content=True):
            assert span == msgspec.json.decode(msgspec.json.encode(span), type=Span)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("sidecar.otel.turns", ["opentelemetry", "google", "urllib3", "grpc"]),
        ("exporters.otlp", ["opentelemetry.sdk", "requests", "urllib3", "grpc"]),
        ("exporters.otlp.http", ["opentelemetry.sdk", "requests", "grpc"]),
    ],
)
def test_heavy_imports_are_lazy(module: str, heavy: list[str]) -> None:
    """A process that does not use a sink does not pay for its libraries."""
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert [] == [name for name in heavy if name in loaded]
