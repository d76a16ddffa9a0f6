"""Exporters by name; the libraries of each are imported when it is first built or started."""

import functools
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from exporters import Exporter
from sidecar.errors import SettingsError

OTLP_SIGNALS = {"otlp": "TRACES", "otlp-logs": "LOGS", "otlp-metrics": "METRICS"}
"""Sink → the signal that it sends, as the standard variables spell it."""


def redis(**options: Any) -> Exporter[Any]:
    """Builds the Redis Streams sink from the fields of `RedisStreamsConfig`."""
    from exporters.redis_streams import RedisStreamsConfig, RedisStreamsExporter

    return RedisStreamsExporter(RedisStreamsConfig(**options))


def postgres(**options: Any) -> Exporter[Any]:
    """Builds the PostgreSQL sink from the fields of `PostgresConfig`."""
    from exporters.postgres import PostgresConfig, PostgresExporter

    return PostgresExporter(PostgresConfig(**options))


def otlp(environment: Mapping[str, str], host_name: str, data_dir: Path, sink: str = "otlp") -> Exporter[Any]:
    """Builds an OTLP sink, by its name in `OTLP_SIGNALS`, from the standard variables.

    Raises:
        SettingsError: one of them has a value that cannot be used.
    """
    from exporters.otlp import Identity, OtlpExporter, Signal, config_from_env

    config = config_from_env(environment, Signal[OTLP_SIGNALS[sink]])
    if config is None:
        raise SettingsError("no OTLP endpoint is set", hint="set OTEL_EXPORTER_OTLP_ENDPOINT")
    return OtlpExporter(config, Identity(instance_id(data_dir), host_name))


def otlp_wanted(environment: Mapping[str, str], sink: str = "otlp") -> bool:
    """Whether the standard variables name an endpoint for the sink's signal and do not switch it off."""
    signal = OTLP_SIGNALS[sink]
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    off = off or environment.get(f"OTEL_{signal}_EXPORTER") == "none"
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return not off and any(environment.get(name) for name in endpoints)


def instance_id(data_dir: Path) -> str:
    """The UUID that stays with a data directory, made when first asked for."""
    file = data_dir / "instance_id"
    if not file.exists():
        file.write_text(f"{uuid.uuid4()}\n")
    return file.read_text().strip()


EXPORTERS: dict[str, Callable[..., Exporter[Any]]] = {
    "redis": redis,
    "postgres": postgres,
    "otlp": otlp,
    "otlp-logs": functools.partial(otlp, sink="otlp-logs"),
    "otlp-metrics": functools.partial(otlp, sink="otlp-metrics"),
}
"""Every sink: the name in settings, `status` and metrics, and what builds it."""
