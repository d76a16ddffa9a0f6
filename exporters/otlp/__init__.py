"""OTLP: spans to any backend that speaks the OpenTelemetry protocol, over HTTP or gRPC."""

from exporters.otlp.config import OtlpConfig, Protocol, config_from_env
from exporters.otlp.exporter import OtlpExporter
from exporters.otlp.resource import Identity

__all__ = ["Identity", "OtlpConfig", "OtlpExporter", "Protocol", "config_from_env"]
