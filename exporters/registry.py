"""Exporters by name; the libraries of each are imported when it is first built or started."""

from collections.abc import Callable
from typing import Any

from exporters import Exporter


def redis(**options: Any) -> Exporter[Any]:
    """Builds the Redis Streams sink from the fields of `RedisStreamsConfig`."""
    from exporters.redis_streams import RedisStreamsConfig, RedisStreamsExporter

    return RedisStreamsExporter(RedisStreamsConfig(**options))


def postgres(**options: Any) -> Exporter[Any]:
    """Builds the PostgreSQL sink from the fields of `PostgresConfig`."""
    from exporters.postgres import PostgresConfig, PostgresExporter

    return PostgresExporter(PostgresConfig(**options))


EXPORTERS: dict[str, Callable[..., Exporter[Any]]] = {"redis": redis, "postgres": postgres}
"""Every sink: the name in settings, `status` and metrics, and what builds it."""
