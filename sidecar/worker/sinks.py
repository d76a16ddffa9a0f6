"""The sinks of these settings: which are switched on, what builds each, and what is wrong with their values.

The only module of the sidecar that names exporters.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from exporters.registry import EXPORTERS, OTLP_SIGNALS, check_otlp, check_postgres, check_redis, otlp_wanted
from sidecar.errors import SettingsError
from sidecar.worker.deliver.consumer import EventStreamProcessor, Reader
from sidecar.worker.deliver.sink import Sink, built_or_broken
from sidecar.worker.deliver.stage import EventStage, LogStage, Stage, TraceStage
from sidecar.worker.measure.exporter import NAME as METRICS_SINK
from sidecar.worker.measure.exporter import MetricExporter, interval_of
from sidecar.worker.measure.meter import Meter
from sidecar.worker.store.notebook import Notebook

if TYPE_CHECKING:
    from sidecar.settings import Settings

SPAN_SINKS = frozenset({"otlp"})
"""Sinks that take spans instead of events."""
LOG_SINKS = frozenset({"otlp-logs"})
"""Sinks that take log records."""
REPLAYED = frozenset({"redis", "postgres", "otlp"})
"""Sinks that `leanvibe replay` sends to: a log record sent again would be there twice."""

Builder = Callable[[], Sink[Any]]
Sinks = dict[str, EventStreamProcessor[Any]]


def sink_builders(settings: "Settings", environment: Mapping[str, str]) -> dict[str, Builder]:
    """What builds the exporter of each sink that is switched on, by name."""
    built: dict[str, Builder] = {}
    if settings.redis_url:
        options = {"url": settings.redis_url, "stream": settings.redis_stream, "maxlen": settings.redis_maxlen}
        built["redis"] = lambda: EXPORTERS["redis"](**options)
    if settings.postgres_dsn:
        kept = settings.postgres_retention_days
        built["postgres"] = lambda: EXPORTERS["postgres"](dsn=settings.postgres_dsn, retention_days=kept)
    standard = otel_variables(settings, environment)
    for name in sorted(SPAN_SINKS | LOG_SINKS):
        if otlp_wanted(standard, name):
            built[name] = partial(EXPORTERS[name], standard, settings.host_name, settings.data_dir)
    return {name: partial(built_or_broken, build) for name, build in built.items()}


def build_sinks(
    settings: "Settings",
    builders: Mapping[str, Builder],
    reader: Callable[[], Reader],
    notebook: Notebook,
) -> Sinks:
    """The deliveries that are switched on, by name."""
    return {
        name: EventStreamProcessor(
            name,
            build(),
            _stage(name, capture_content=settings.capture_content),
            reader(),
            notebook,
            settings.sink_batch_size,
        )
        for name, build in builders.items()
    }


def build_metric_exporter(
    settings: "Settings", environment: Mapping[str, str], meter: Meter
) -> MetricExporter | None:
    """The running periodic export of metrics; None when it is not switched on."""
    standard = otel_variables(settings, environment)
    if not otlp_wanted(standard, METRICS_SINK):
        return None
    build = partial(EXPORTERS[METRICS_SINK], standard, settings.host_name, settings.data_dir)
    exporter = MetricExporter(built_or_broken(build), meter.metrics, interval_of(standard))
    exporter.start()
    return exporter


def sink_complaints(settings: "Settings", environment: Mapping[str, str]) -> list[SettingsError]:
    """What no sink could ever use, each once; nobody is asked."""
    standard = otel_variables(settings, environment)
    checks: list[Callable[[], None]] = [partial(check_otlp, standard, name) for name in OTLP_SIGNALS]
    checks += [partial(check_redis, settings.redis_url)] if settings.redis_url else []
    checks += [partial(check_postgres, settings.postgres_dsn)] if settings.postgres_dsn else []
    found: dict[str, SettingsError] = {}
    for check in checks:
        try:
            check()
        except SettingsError as error:
            found.setdefault(error.message, error)
    return list(found.values())


def otel_variables(settings: "Settings", environment: Mapping[str, str]) -> dict[str, str]:
    """The standard variables: those of the environment that are not blank, and the endpoint of our own setting."""
    given = {name: value for name, value in environment.items() if value.strip()}
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": settings.otlp_endpoint, **given}


def upgrade_database(dsn: str) -> tuple[str | None, str]:
    """Brings the PostgreSQL tables to this version; `(revision before, revision now)`.

    Raises:
        ExportError: the database cannot be reached or refuses; says what to do.
    """
    from exporters.postgres import schema

    before = schema.revision(dsn).current
    schema.upgrade(dsn)
    return before, schema.revision(dsn).head


def _stage(name: str, *, capture_content: bool) -> Stage[Any]:
    if name in SPAN_SINKS:
        return TraceStage(capture_content=capture_content)
    return LogStage(capture_content=capture_content) if name in LOG_SINKS else EventStage()
