"""Laws of the doctor: all green on a sound installation; each fault, provoked alone, is named with what to do."""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import LEANVIBE
from tests.contract.test_otlp_tls import certificate
from tests.loopback_client import environment
from tests.servers import Server
from tests.sidecar_process import Sidecar
from tests.waiting import until

PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), "")


class Installation:
    """A running sidecar with a Redis sink, hooks in a home of its own, and the doctor's answers."""

    def __init__(self, home: Path, redis_url: str) -> None:
        self.project = home / "project"
        self.project.mkdir()
        self.sidecar = Sidecar(home, {"LEANVIBE_REDIS_URL": redis_url}).start()
        self.env = environment(str(home), LEANVIBE_DATA_DIR=str(self.sidecar.data_dir), **PROXIES)
        self.run("hooks", "install")
        until(self._sink_is_up, "the sink is up", self.sidecar.output)

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """A `leanvibe` command in this home."""
        command = [LEANVIBE, *arguments]
        return subprocess.run(
            command, cwd=self.project, env={**self.env, **env}, capture_output=True, text=True, check=False
        )

    def doctor(self, *arguments: str, **env: str) -> tuple[int, dict[str, Any], list[str]]:
        """`(exit code, report, checks that are wrong)`."""
        run = self.run("doctor", "--json", *arguments, **env)
        report = json.loads(run.stdout)
        wrong = [finding for finding in report["findings"] if finding["state"] == "wrong"]
        assert [] == [finding for finding in wrong if not finding["todo"]]
        return run.returncode, report, [finding["check"] for finding in wrong]

    def _sink_is_up(self) -> bool:
        return self.sidecar.health()["sinks"].get("redis", {}).get("state") in {"up", "starting"}


@pytest.fixture(scope="module", name="installed")
def _installed(tmp_path_factory: pytest.TempPathFactory, redis_server: Server) -> Iterator[Installation]:
    redis_server.start()
    installation = Installation(tmp_path_factory.mktemp("doctor"), redis_server.url)
    with contextlib.closing(installation.sidecar):
        yield installation


def test_a_sound_installation_is_green(installed: Installation) -> None:
    """Nothing is wrong, and the probe's way is told hop by hop, with times."""
    code, report, wrong = installed.doctor()

    assert (0, True, []) == (code, report["ok"], wrong), report
    hops = {finding["check"]: finding["ms"] for finding in report["findings"] if "ms" in finding}
    assert ["probe: journal", "probe: store", "probe: redis"] == list(hops)
    assert sorted(hops.values()) == list(hops.values())


def test_probes_are_left_out_of_metrics_and_views(installed: Installation) -> None:
    """A probe is stored and delivered under its own name, and neither counted nor shown as a session."""
    installed.doctor()

    rows = installed.sidecar.sql(
        "SELECT DISTINCT hook_event_name FROM events WHERE session_id LIKE 'leanvibe-probe%'"
    )
    assert [["LeanvibeProbe"]] == rows
    assert [[0]] == installed.sidecar.sql("SELECT count(*) FROM sessions WHERE session_id LIKE 'leanvibe-probe%'")
    assert "leanvibe_events_processed_total{" not in installed.sidecar.get("/metrics").text


@pytest.mark.parametrize(
    ("arguments", "env", "named"),
    [
        ((), {"CLAUDE_CONFIG_DIR": "/nowhere"}, ["hooks"]),
        ((), {"HTTP_PROXY": "http://127.0.0.1:3128"}, ["proxy"]),
        (("--min-free", "99999999999"), {}, ["disk"]),
    ],
    ids=["hooks missing", "proxy set", "disk nearly full"],
)
def test_one_fault_is_one_finding(
    installed: Installation, arguments: tuple[str, ...], env: dict[str, str], named: list[str]
) -> None:
    """What is provoked is named, alone, and the exit code says so."""
    code, _, wrong = installed.doctor(*arguments, **env)

    assert (1, named) == (code, wrong)


def test_a_certificate_that_the_client_does_not_know_is_named(tmp_path: Path) -> None:
    """The sidecar's own commands trust it, Claude Code only when it is told: without, every hook fails."""
    cert, key = certificate(tmp_path, "server")
    project = tmp_path / "project"
    project.mkdir()
    with contextlib.closing(Sidecar(tmp_path, {"LEANVIBE_TLS_CERT": cert, "LEANVIBE_TLS_KEY": key})) as sidecar:
        sidecar.start()
        env = environment(str(tmp_path), LEANVIBE_DATA_DIR=str(sidecar.data_dir), **PROXIES)

        def findings(**more: str) -> dict[str, tuple[str, str]]:
            run = subprocess.run(
                [LEANVIBE, "doctor", "--json"], cwd=project, env={**env, **more}, capture_output=True, check=False
            )
            return {one["check"]: (one["state"], one.get("todo", "")) for one in json.loads(run.stdout)["findings"]}

        subprocess.run([LEANVIBE, "hooks", "install"], cwd=project, env=env, check=True, capture_output=True)
        unknown, known, nothing = findings(), findings(NODE_EXTRA_CA_CERTS=cert), findings(NODE_EXTRA_CA_CERTS=key)

    assert ["wrong", "ok", "wrong"] == [found["certificate"][0] for found in (unknown, known, nothing)]
    assert cert in unknown["certificate"][1]
    assert "ok" == unknown["probe: journal"][0]


def test_a_stale_url_is_named(installed: Installation) -> None:
    """Hooks that go elsewhere are named, and a probe on their way fails."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    installed.run("hooks", "install", "--url", f"http://127.0.0.1:{port}")
    try:
        code, _, wrong = installed.doctor()
    finally:
        installed.run("hooks", "install")

    assert (1, ["hooks", "probe: journal"]) == (code, wrong)


def test_files_that_others_may_read_are_named(installed: Installation) -> None:
    """A file of the data directory that is not private is named."""
    token = installed.sidecar.data_dir / "token"
    token.chmod(0o644)
    try:
        code, report, wrong = installed.doctor()
    finally:
        token.chmod(0o600)

    assert (1, ["files"]) == (code, wrong)
    assert any(str(token) in finding["message"] for finding in report["findings"])


def test_a_sidecar_that_is_down_is_named(tmp_path: Path) -> None:
    """Without a sidecar that is what is said; when something else has its port, that."""
    project = tmp_path / "project"
    project.mkdir()
    env = environment(str(tmp_path), LEANVIBE_DATA_DIR=str(tmp_path / "data"), **PROXIES)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        subprocess.run([LEANVIBE, "hooks", "install", "--url", url], env=env, check=True, capture_output=True)
        held = checks(env, project)
    down = checks(env, project)

    assert (["port"], ["sidecar"]) == (held, down)


def test_a_sink_that_is_down_is_named(installed: Installation, redis_server: Server) -> None:
    """The sink is named with its error, as a part that is not well and as a hop that the probe did not make."""
    redis_server.stop()
    try:
        installed.sidecar.post_native({"session_id": "s", "hook_event_name": "Stop"})
        until(lambda: installed.sidecar.health()["sinks"]["redis"]["state"] == "retrying", "the sink is tried again")
        code, report, wrong = installed.doctor()
    finally:
        redis_server.start()

    slow = {"hook_processor"}  # on a busy machine that is told as well
    assert (1, ["sink redis", "probe: redis"]) == (code, [one for one in wrong if one not in slow]), report


def checks(env: dict[str, str], cwd: Path) -> list[str]:
    """What the doctor calls wrong."""
    run = subprocess.run(
        [LEANVIBE, "doctor", "--json"], cwd=cwd, env={**os.environ, **env}, capture_output=True, check=False
    )
    assert 1 == run.returncode
    return [finding["check"] for finding in json.loads(run.stdout)["findings"] if finding["state"] == "wrong"]
