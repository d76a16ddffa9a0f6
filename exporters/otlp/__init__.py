"""OTLP: spans, log records and metrics to any backend that speaks the OpenTelemetry protocol, over HTTP or gRPC."""

from exporters.otlp.config import OtlpConfig, Protocol, config_from_env
from exporters.otlp.exporter import OtlpExporter
from exporters.otlp.resource import Identity
from exporters.otlp.signals import Signal

__all__ = ["Identity", "OtlpConfig", "OtlpExporter", "Protocol", "Signal", "config_from_env"]
