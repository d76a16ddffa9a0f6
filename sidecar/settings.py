"""Every setting, declared once: its default, its help, its check.

Order of precedence, weakest first: defaults, the TOML file given by `--config` (or `LEANVIBE_CONFIG`),
environment variables `LEANVIBE_<NAME>`, command-line flags. Unknown keys of the file are refused.
"""

import difflib
import os
import socket
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from sidecar.errors import SettingsError
from sidecar.state_dir import default_data_dir

PREFIX = "LEANVIBE_"
NOT_SETTINGS = frozenset(
    {"CONFIG", "TOKEN", "INGEST_TOKEN", "HOOK_API_URL", "HOOK_TIMEOUT", "HOOK_DEBUG", "ENABLE_HOOKS"}
    | {"SESSION_ID", "AGENT_ID", "AGENT_NAME"}
)
"""Variables, without `PREFIX`, that commands and hooks read besides the settings."""
SECRET_SETTINGS = frozenset({"redis_url", "postgres_dsn", "otlp_endpoint"})
"""Settings whose value may hold a password: never shown whole."""


class Settings(BaseSettings):
    """What a user may set. Every field has a default: the sidecar runs with no configuration."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    host: str = Field("127.0.0.1", description="Address to listen on; beyond loopback only with tokens and TLS.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    tcp: bool = Field(default=True, description="Whether to listen on host and port; without it only on uds.")
    uds: str = Field("", description="Path of a Unix socket to listen on, mode 0600; empty for none.")
    tls_cert: str = Field("", description="PEM file with the certificate (and its chain) to serve https with.")
    tls_key: str = Field("", description="PEM file with its key, without a passphrase.")
    tls_ca: str = Field("", description="PEM file of certificates that the commands trust besides the system's.")
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where journal, store and token live (directory mode 0700, files 0600).",
    )
    host_name: str = Field(default_factory=socket.gethostname, description="Name of this host on every event.")
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default=[],
        description="Host header values accepted besides localhost, 127.0.0.1, [::1]; comma-separated.",
    )
    ingest: Literal["loopback", "token"] = Field(
        "loopback",
        description="Who may send events: loopback (all of this host) or token (who has <data-dir>/ingest-token).",
    )
    metrics: Literal["open", "token"] = Field(
        "open",
        description="Who sees /metrics, /hook-performance, /schema, the details of /health: open (all), or token.",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR. No event is ever logged.")

    autostart: bool = Field(
        default=True,
        description="Whether the SessionStart hook may start the sidecar when none runs.",
    )

    slow_tool_threshold: float = Field(
        2000, ge=0, description="Milliseconds; a slower tool call gives a performance warning."
    )
    large_result_threshold: float = Field(
        100, ge=0, description="Kilobytes (1024 bytes); a larger tool result gives a performance warning."
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Largest body of one event; beyond it the content is left out."
    )
    max_batch_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="Largest body of a request with many events.")

    max_connections: int = Field(
        1000,
        ge=16,
        description="Open HTTP connections at once; beyond that a new one closes the one that has been idle longest.",
    )
    max_busy_connections: int = Field(
        128,
        ge=1,
        description="How many of those may send requests within one second; a new one beyond that gets a 503.",
    )
    max_requests_per_second: int = Field(
        50_000,
        ge=1,
        description="Requests per second of all connections together; beyond that they are read more slowly.",
    )
    max_connection_requests_per_second: int = Field(
        10_000, ge=1, description="Requests per second of one connection; beyond that it is read more slowly."
    )
    max_buffered_mb: int = Field(
        32, ge=1, description="MB of large request bodies in memory at once; what comes beyond it waits unread."
    )
    slow_client_seconds: float = Field(
        10,
        gt=0,
        le=600,
        description="Seconds that a request's head may take; a body may take as long, and one more for each 16 KB.",
    )
    max_live_clients: int = Field(200, ge=1, le=10_000, description="WebSocket clients of the live feed at once.")

    journal_max_mb: int = Field(
        1024,
        ge=16,
        description="MB beyond which the journal drops what the store already has, even while a sink is behind.",
    )
    redaction_policy: str = Field(
        "",
        description="A TOML file that says what is redacted, hashed, allowed or left out (docs/redaction.md).",
    )

    sql_timeout_seconds: float = Field(10, gt=0, le=600, description="Time limit of one SQL query.")
    sql_max_rows: int = Field(
        10_000, ge=1, le=1_000_000, description="Most rows of one SQL answer; a longer one is truncated."
    )
    store_max_mb: int = Field(
        1024, ge=64, description="MB that the store may take; beyond it the oldest sealed files are deleted."
    )
    store_max_days: float = Field(
        30, gt=0, le=36_500, description="Days after which events are deleted, with the sealed file that they are in."
    )
    store_memory_mb: int = Field(
        128,
        ge=32,
        description="DuckDB's memory limit in MB while a query runs; eight times as much for one that needs it, "
        "and at rest a fifth, but at least 24 MB.",
    )
    worker_memory_mb: int = Field(
        3072, ge=512, description="Ceiling of the worker's address space in MB (where the system has one)."
    )

    redis_url: str = Field("", description="redis://… switches the Redis Streams sink on.")
    redis_stream: str = Field("leanvibe:events", min_length=1, description="Name of the Redis stream.")
    redis_maxlen: int = Field(10_000, ge=1, description="Entries the stream keeps, approximately.")
    postgres_dsn: str = Field("", description="postgresql://… switches the PostgreSQL sink on.")
    postgres_retention_days: int = Field(
        30, ge=0, le=36_500, description="Days of events that the PostgreSQL table keeps, of all hosts; 0 keeps all."
    )
    otlp_endpoint: str = Field(
        "",
        description="http://… switches the OTLP sink on, as OTEL_EXPORTER_OTLP_ENDPOINT does, which wins.",
    )
    capture_content: bool = Field(
        default=False,
        description="Put redacted prompts, answers, tool inputs and results on spans and log records (8 KB each).",
    )
    trace_url: str = Field(
        "",
        description="Template of a trace's page, such as http://127.0.0.1:16686/trace/{trace_id}: links on the page.",
    )
    sink_batch_size: int = Field(100, ge=1, le=10_000, description="Most events that a sink gets at once.")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        level = value.upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return level

    @field_validator("trace_url")
    @classmethod
    def _trace_template(cls, value: str) -> str:
        if value and not (value.startswith(("http://", "https://")) and "{trace_id}" in value):
            raise ValueError("must be an http(s) URL with {trace_id} in it")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  a .env of the project at hand is not ours
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  unused
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the file."""
        given = dict(getattr(init_settings, "init_kwargs", {}))
        file_values = given.pop("_file_values", {})
        return (
            InitSettingsSource(settings_cls, init_kwargs=given),
            env_settings,
            InitSettingsSource(settings_cls, init_kwargs=file_values),
        )

    def as_json(self) -> str:
        """Every value as JSON, for the worker. Holds secrets: only ever over a pipe."""
        return self.model_dump_json()


def load(config_file: Path | None = None, **flags: Any) -> Settings:
    """Settings from defaults, file, environment and flags (those that are not None).

    Raises:
        SettingsError: the file cannot be read, a key is unknown or a value is wrong; names key and source.
    """
    found = _loaded(config_file, {name: value for name, value in flags.items() if value is not None})
    if isinstance(found, Settings):
        return found
    raise found[0]


def complaints(config_file: Path | None) -> list[SettingsError]:
    """All that is wrong with the values of file and environment, where `load` tells the first; raises as it does."""
    found = _loaded(config_file, {})
    return [] if isinstance(found, Settings) else found


def unknown_variables(environment: Mapping[str, str]) -> list[SettingsError]:
    """A complaint about each variable that looks like one of ours and is none, with the nearest that is."""
    known = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    given = [name.upper().removeprefix(PREFIX) for name in environment if name.upper().startswith(PREFIX)]
    return [
        SettingsError(f"environment variable {PREFIX}{name} is unknown", hint=_nearest(name, known, PREFIX))
        for name in sorted(set(given) - known)
    ]


def _nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    meant = f"did you mean {prefix}{near[0]}? " if near else ""
    return f"{meant}leanvibe config show lists every setting"


def _loaded(config_file: Path | None, given: dict[str, Any]) -> Settings | list[SettingsError]:
    """The settings, or what is wrong with them."""
    named = config_file or _path_from_environment()
    file_values = _read(named) if named else {}
    try:
        return Settings(**{"_file_values": file_values, **given})
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return [_explained(dict(one), given, file_values, named) for one in found]
    except RuntimeError as error:  # a user without a home, as containers have them
        hint = f"set HOME, or name the data directory: {PREFIX}DATA_DIR or --data-dir"
        raise SettingsError(str(error).rstrip("."), hint=hint) from None


def _path_from_environment() -> Path | None:
    value = os.environ.get(PREFIX + "CONFIG")
    return Path(value) if value else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _explained(
    error: Mapping[str, Any], flags: dict[str, Any], file_values: dict[str, Any], path: Path | None
) -> SettingsError:
    """One complaint, with the key as the user typed it and never the value (it may be a secret)."""
    key = str(error["loc"][0]) if error["loc"] else "settings"
    if key in flags:
        where = f"--{key.replace('_', '-')}"
    elif (PREFIX + key.upper()) in os.environ:
        where = f"environment variable {PREFIX}{key.upper()}"
    else:
        where = f"key {key!r} of {path}" if key in file_values else f"setting {key!r}"
    if error["type"] == "extra_forbidden":
        return SettingsError(f"{where} is unknown", hint=_nearest(key, Settings.model_fields))
    return SettingsError(f"{where}: {error['msg']}", hint="leanvibe config show explains every setting")
