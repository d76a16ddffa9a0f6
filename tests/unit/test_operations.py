"""Dashboards, alerts and the Collector's configuration name what there is."""

import inspect
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from sidecar import resources
from sidecar.events import EventType
from sidecar.front import metrics
from sidecar.front.exposition import exposition
from sidecar.front.footprint import Footprint
from sidecar.front.metrics import Facts, own_metrics
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.stages import Stages
from sidecar.otel.changes import Change
from sidecar.otel.instruments import INSTRUMENTS
from sidecar.otel.metric_model import Exemplar
from sidecar.otel.tally import Tally, metrics_of
from sidecar.worker.deliver.state import SinkState
from sidecar.worker.measure.meter import Meter, Running, gauges_of

ROOT = Path(__file__).parent.parent.parent
DASHBOARDS = ("fleet", "agents", "health")
NAME = re.compile(r"\b(?:leanvibe|gen_ai)_[a-z0-9_]+\b(?!\s*(?:=|!|,\s*le\b))")
LABELS_OF = re.compile(r"(?:by|on) \(([^)]*)\)")
GUIDES_OWN = "leanvibe_avg_processing_time_ms metric names should not contain abbreviated units"
ALERTS = {
    "HighProcessingLatency",
    "HighErrorRate",
    "LeanvibeSinkLagging",
    "LeanvibeSinkDown",
    "LeanvibeWorkerDown",
    "LeanvibeEventsDropped",
    "LeanvibeDeadLetters",
    "LeanvibeRedactionFailing",
    "LeanvibeDiskBudgetNear",
    "LeanvibeNoEvents",
    "LeanvibePermissionWaiting",
}


def facts() -> Facts:
    """What is known when everything has happened once."""
    monitor = PerformanceMonitor()
    monitor.totals.processed["claude-code", EventType.OTHER] = 1
    monitor.totals.redactions["email"] = 1
    sink: dict[str, Any] = {name: getattr(SinkState(name="redis"), name) for name in SinkState.__struct_fields__}
    gone = [{"reason": "age", "sink": sink, "events": 1, "bytes": 1, "since": 1.0} for sink in ("", "redis")]
    sealed = {"files": 1, "events": 1, "bytes": 1, "forgotten": gone}
    progress = {
        "since": 1.5, "store_seq": 1, "store_oldest_at": None, "passed": 1, "sinks": [sink], "dropped": {},
        "sealed": sealed,
    }  # fmt: skip
    return Facts(
        now=2.0,
        since=1.0,
        performance=monitor.snapshot(),
        totals=monitor.totals,
        stages=Stages().totals(),
        last_seq=2,
        progress=progress,
        worker_starts=1,
        live_clients=0,
        footprint=Footprint(),
        task_failures={"spool": 1},
    )


def exposed(accept: str = "") -> str:
    """What `/metrics` shows then."""
    tally = Tally({})
    exemplar = Exemplar(1.0, "a" * 32, "b" * 16, 1)
    tally.apply(Change(one, ("x",) * len(one.labels), 1.0, exemplar) for one in INSTRUMENTS.values())
    counted = metrics_of(tally.changed(), 1)
    return exposition([*own_metrics(facts()), *counted, *gauges_of([Running("a", 1, 1, 1)], 2.0)], accept)[0].decode()


def test_counters_begin_with_the_process_that_counts() -> None:
    """A worker that begins anew sets its sinks' counters back: they begin with it, the front's with the front."""
    since = {one.name: one.since_ns for one in own_metrics(facts())}

    counted = [f"leanvibe.sink.{name}" for name in ("delivered", "retries", "dead_letters")]
    assert [1_500_000_000] * 3 == [since[name] for name in counted]
    assert 1_000_000_000 == since["leanvibe.events.processed"]


def samples() -> set[str]:
    """Names of every sample that `/metrics` shows."""
    return {line.partition("{")[0].partition(" ")[0] for line in exposed().splitlines() if not line.startswith("#")}


def labels() -> set[str]:
    """Names of every label, and those that Prometheus adds."""
    return set(re.findall(r'[{,]([a-z_]+)="', exposed())) | {"instance", "job"}


def dashboard(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.path("config", "grafana", f"{name}.json").read_text())
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(resources.path("config", "prometheus", "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries(name: str) -> list[str]:
    return [target["expr"] for panel in dashboard(name)["panels"] for target in panel["targets"]]


def named(expression: str) -> set[str]:
    """Metrics of an expression: names that are no label of a grouping or a matcher."""
    return set(NAME.findall(LABELS_OF.sub("", expression)))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_ask_for_metrics_that_there_are(name: str) -> None:
    """Each metric and grouping label of each panel is one that `/metrics` shows; each panel asks for some."""
    for expression in queries(name):
        assert named(expression)
        assert set() == named(expression) - samples(), expression
        grouped = {label for group in LABELS_OF.findall(expression) for label in group.split(", ")}
        assert set() == grouped - labels(), expression


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_can_be_imported(name: str) -> None:
    """A dashboard brings its own id and picks the data source by a variable; panels lie beside each other."""
    found = dashboard(name)
    assert f"leanvibe-{name}" == found["uid"]
    assert ["datasource", "instance"] == [one["name"] for one in found["templating"]["list"]]
    assert {"${datasource}"} == {panel["datasource"]["uid"] for panel in found["panels"]}
    cells = [
        (x, y)
        for panel in found["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))


def test_alerts_ask_for_metrics_that_there_are() -> None:
    """Each alert names existing metrics, a severity and what is wrong; each has a unit test."""
    tested = yaml.safe_load((ROOT / "tests/data/prometheus/alerts_test.yaml").read_text())["tests"]
    assert ALERTS == {rule["alert"] for rule in rules()}
    assert ALERTS == {one["alertname"] for case in tested for one in case["alert_rule_test"] if one["exp_alerts"]}
    for rule in rules():
        assert set() == named(rule["expr"]) - samples(), rule["alert"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]


def test_every_metric_is_documented() -> None:
    """docs/telemetry.md names each metric family."""
    text = (ROOT / "docs" / "telemetry.md").read_text()
    families = {line.split()[2] for line in exposed().splitlines() if line.startswith("# TYPE")}
    assert set() == {name for name in families if name not in text}


COUNTED = re.compile(r'\.dropped\(\s*"(\w+)"')
SHOWN_LATER = {"call_beyond_turn_limit", "turn_left_early_for_memory", "not_measured"}
"""What the worker leaves out: shown once it answers."""


def dropped_in_code() -> set[str]:
    """Every reason that the code counts something left out under."""
    counted = {one for path in (ROOT / "sidecar").rglob("*.py") for one in COUNTED.findall(path.read_text())}
    tables = inspect.getsource(metrics._losses) + inspect.getsource(cast("Any", Meter.dropped).fget)
    return counted | set(re.findall(r'"(\w+)": ', tables))


def reasons_table() -> dict[str, str]:
    """Each documented reason, and whether it is a choice."""
    text = (ROOT / "docs" / "telemetry.md").read_text()
    table = text.partition("| reason | what was left out | a choice |\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]
    return {reason.strip("`"): choice for reason, _, choice in rows}


def test_every_drop_is_documented() -> None:
    """docs/telemetry.md has each reason that the code has, no other; the alert passes over exactly the choices."""
    assert dropped_in_code() == set(reasons_table())
    (rule,) = (rule for rule in rules() if rule["alert"] == "LeanvibeEventsDropped")
    (passed_over,) = re.findall(r'reason!~"([^"]*)"', rule["expr"])
    assert {reason for reason, choice in reasons_table().items() if choice} == set(passed_over.split("|"))


def test_drops_are_shown_before_the_first() -> None:
    """Each reason of the front begins at zero: an alert on an increase sees no series that begins at one."""
    shown = set(re.findall(r'^leanvibe_dropped_total\{reason="(\w+)"\} 0', exposed(), re.MULTILINE))
    assert set() == dropped_in_code() - SHOWN_LATER - shown


def test_the_collector_has_no_loose_ends() -> None:
    """Each pipeline uses what is configured, all of it but the alternative to Tempo, by current names."""
    found = yaml.safe_load((ROOT / "otel-collector.yaml").read_text())
    pipelines = found["service"]["pipelines"].values()
    used = {
        part: {one for pipeline in pipelines for one in pipeline[part]}
        for part in ("receivers", "processors", "exporters")
    }
    connectors = set(found["connectors"])
    assert set(found["receivers"]) | connectors == used["receivers"]
    assert set(found["processors"]) == used["processors"]
    assert set(found["exporters"]) | connectors == used["exporters"] | {"otlp_grpc/jaeger"}
    assert set(found["extensions"]) == set(found["service"]["extensions"])
    assert {"memory_limiter"} == {pipeline["processors"][0] for pipeline in pipelines}
    components = {name.partition("/")[0] for part in ("receivers", "processors", "exporters") for name in used[part]}
    assert set() == components & {"batch", "otlphttp", "spanmetrics", "prometheusremotewrite"}


def test_compose_mounts_what_there_is() -> None:
    """Every file that a container is given exists, and nothing is reachable from outside."""
    services = yaml.safe_load((ROOT / "config" / "docker-compose.yaml").read_text())["services"].values()
    mounts = [mount.split(":")[0] for one in services for mount in one.get("volumes", ()) if mount.startswith(".")]
    assert mounts
    assert [] == [mount for mount in mounts if not (ROOT / "config" / mount).exists()]
    assert {"127.0.0.1"} == {port.split(":")[0] for one in services for port in one.get("ports", ())}


def promtool(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs promtool; skips where there is none, but for CI, which must have it."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is missing: apt-get install prometheus")
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return subprocess.run([program, *arguments], input=given, cwd=ROOT, capture_output=True, text=True, check=False)


def test_alerts_fire_when_they_should() -> None:
    """By promtool the rules are in order and their unit tests pass."""
    for arguments in (
        ("check", "rules", "config/prometheus/alerts.yaml"),
        ("check", "config", "config/prometheus/prometheus.yaml"),
        ("test", "rules", "tests/data/prometheus/alerts_test.yaml"),
    ):
        run = promtool(*arguments)
        assert 0 == run.returncode, run.stdout + run.stderr


def test_queries_are_promql(tmp_path: Path) -> None:
    """Prometheus reads every query of every dashboard."""
    asked = [
        query.replace("$__rate_interval", "5m").replace("$__range", "1h")
        for name in DASHBOARDS
        for query in queries(name)
    ]
    recorded = [{"record": f"q{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    run = promtool("check", "rules", str(file))
    assert 0 == run.returncode, run.stdout + run.stderr


def test_names_follow_prometheus() -> None:
    """The linter of promtool has nothing to say but of the guide's own name."""
    run = promtool("check", "metrics", given=exposed())
    assert [GUIDES_OWN] == (run.stdout + run.stderr).strip().splitlines()
