"""Telemetry as pure functions: hook events → spans shaped for OTLP. No I/O, no clock."""
