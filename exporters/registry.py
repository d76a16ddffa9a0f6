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
    """Whether the standard variables name an endpoint for the sink's signal and do not switch it off.

    By the rules of `otlp.config.wanted`, without the libraries that importing it takes.
    """
    signal = OTLP_SIGNALS[sink]
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    off = off or environment.get(f"OTEL_{signal}_EXPORTER", "").strip() == "none"
    return not off and any(environment.get(name, "").strip() for name in _endpoints(signal))


def check_redis(url: str) -> None:
    """Raises `SettingsError` when no Redis can be meant by the URL; asks nobody."""
    from exporters.redis_streams.place import place

    try:
        place(url)
    except (ValueError, OSError):
        raise SettingsError(
            "LEANVIBE_REDIS_URL is no URL of a Redis, or names files that cannot be read",
            hint="write redis://user:password@host:port/database, rediss://… or unix://…",
        ) from None


def check_postgres(dsn: str) -> None:
    """Raises `SettingsError` when no PostgreSQL can be meant by the DSN; asks nobody."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(dsn)
    except psycopg.Error:
        raise SettingsError(
            "LEANVIBE_POSTGRES_DSN is no DSN", hint="write postgresql://user:password@host:port/database"
        ) from None


def check_otlp(environment: Mapping[str, str], sink: str) -> None:
    """Raises `SettingsError` when the sink could not be built from the standard variables; asks nobody.

    Also when no endpoint is set: whoever sets one later will find the rest in order.
    """
    from exporters.otlp import Signal, config_from_env

    has_endpoint = any(environment.get(name) for name in _endpoints(OTLP_SIGNALS[sink]))
    given = environment if has_endpoint else {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
    config_from_env(given, Signal[OTLP_SIGNALS[sink]])


def _endpoints(signal: str) -> tuple[str, str]:
    return "OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"


def instance_id(data_dir: Path) -> str:
    """The UUID that stays with a data directory, made when first asked for.

    Put in place whole: one that a crash left empty would be nobody's for ever.
    """
    file = data_dir / "instance_id"
    known = file.read_text().strip() if file.exists() else ""
    if not known:
        known = str(uuid.uuid4())
        draft = file.with_name(f"{file.name}.new")
        draft.write_text(f"{known}\n")
        draft.replace(file)
    return known


EXPORTERS: dict[str, Callable[..., Exporter[Any]]] = {
    "redis": redis,
    "postgres": postgres,
    "otlp": otlp,
    "otlp-logs": functools.partial(otlp, sink="otlp-logs"),
    "otlp-metrics": functools.partial(otlp, sink="otlp-metrics"),
}
"""Every sink: the name in settings, `status` and metrics, and what builds it."""
