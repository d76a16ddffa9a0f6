"""The three signals of OTLP: where each goes and by which variables it is set.

Source: OTLP specification 1.9 (paths and services), OpenTelemetry specification, protocol/exporter.md (variables).
"""

import enum


class Signal(enum.StrEnum):
    """One kind of telemetry; the value is its path below `/v1/`."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def path(self) -> str:
        """What is appended to the common endpoint."""
        return f"/v1/{self.value}"

    @property
    def own_prefix(self) -> str:
        """How variables of this signal alone begin; they win over the common ones."""
        return f"OTEL_EXPORTER_OTLP_{self.name}_"

    @property
    def switch(self) -> str:
        """The variable that turns this signal off with the value `none`."""
        return f"OTEL_{self.name}_EXPORTER"

    @property
    def grpc_method(self) -> str:
        """Full name of the method that takes this signal."""
        kind = {Signal.TRACES: "trace", Signal.LOGS: "logs", Signal.METRICS: "metrics"}[self]
        return f"/opentelemetry.proto.collector.{kind}.v1.{kind.capitalize()}Service/Export"
