"""PostgreSQL sink: one row of `leanvibe_events` per event."""

from exporters.postgres.exporter import PostgresConfig, PostgresExporter

__all__ = ["PostgresConfig", "PostgresExporter"]
