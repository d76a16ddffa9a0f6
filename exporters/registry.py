"""Exporters by name; the libraries of each are imported when it is first built or started."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from exporters import Exporter
from sidecar.errors import SettingsError


OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def redis(**options: Any) -> Exporter[Any]:
    """Builds the Redis Streams sink from the fields of `RedisStreamsConfig`."""
    from exporters.redis_streams import RedisStreamsConfig, RedisStreamsExporter

    return RedisStreamsExporter(RedisStreamsConfig(**options))


def postgres(**options: Any) -> Exporter[Any]:
    """Builds the PostgreSQL sink from the fields of `PostgresConfig`."""
    from exporters.postgres import PostgresConfig, PostgresExporter

    return PostgresExporter(PostgresConfig(**options))


def otlp(environment: Mapping[str, str], host_name: str, data_dir: Path) -> Exporter[Any]:
    """Builds the OTLP sink from the standard variables.

    Raises:
        SettingsError: one of them has a value that cannot be used.
    """
    from exporters.otlp import Identity, OtlpExporter, config_from_env

    config = config_from_env(environment)
    if config is None:
        raise SettingsError("no OTLP endpoint is set", hint="set OTEL_EXPORTER_OTLP_ENDPOINT")
    return OtlpExporter(config, Identity(instance_id(data_dir), host_name))


def otlp_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables name an endpoint for traces and do not switch telemetry off."""
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    off = off or environment.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environment.get(name) for name in OTLP_ENDPOINTS)


def instance_id(data_dir: Path) -> str:
    """The UUID that stays with a data directory, made when first asked for."""
    file = data_dir / "instance_id"
    if not file.exists():
        file.write_text(f"{uuid.uuid4()}\n")
    return file.read_text().strip()


EXPORTERS: dict[str, Callable[..., Exporter[Any]]] = {"redis": redis, "postgres": postgres, "otlp": otlp}
"""Every sink: the name in settings, `status` and metrics, and what builds it."""
