"""Who may send and who may read, where both need a token; and how new tokens take over."""

import contextlib
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from sidecar.audit.trail import AuditTrail
from tests import commands
from tests.forwarders import SILENT, environment, forward, python_hook, shell_hook
from tests.integration.ingest import GUIDE, NATIVE
from tests.loopback_client import LoopbackClient
from tests.loopback_client import environment as agent_environment
from tests.sidecar_process import API, JSON, Sidecar, running_sidecar
from tests.waiting import PATIENCE, until

EVENT = {"session_id": "s", "hook_event_name": "Stop", "event_type": "AGENT_STOP"}
CLOSED = {"LEANVIBE_INGEST": "token", "LEANVIBE_METRICS": "token"}


@pytest.fixture(name="closed")
def _closed() -> Iterator[Sidecar]:
    with running_sidecar(CLOSED) as running:
        yield running


def ingest_token(sidecar: Sidecar) -> str:
    return (sidecar.data_dir / "ingest-token").read_text().strip()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def said_at_the_end(socket: ClientConnection) -> str:
    """With which words the other side closes a WebSocket."""
    try:
        while True:
            socket.recv(timeout=PATIENCE)
    except ConnectionClosed as end:
        return str(end)


def test_only_the_token_sends_and_it_only_sends(closed: Sidecar) -> None:
    """Both ways in need the ingest token, which reads nothing; health says its status and no more."""
    send = bearer(ingest_token(closed))
    for path in (NATIVE, GUIDE):
        assert 401 == closed.post(path, EVENT).status_code
        assert closed.post(path, EVENT, headers=send).is_success
    for path in (f"{API}/events", f"{API}/hook-performance", "/metrics", "/schema/openapi.json"):
        assert 401 == closed.raw("GET", path, headers=send).status_code
        assert closed.get(path).is_success
    with pytest.raises(InvalidStatus), closed.live(additional_headers=send):
        pass

    assert {"status", "service"} == set(closed.raw("GET", f"{API}/health").json())
    assert "components" in closed.health()
    assert 0o600 == stat.S_IMODE((closed.data_dir / "ingest-token").stat().st_mode)


def test_commands_are_told_how_to_bring_the_token(closed: Sidecar, tmp_path: Path) -> None:
    """A sidecar of another data directory is asked with `LEANVIBE_TOKEN`, which the refusal names."""
    words = ("sql", "SELECT 1", "--url", closed.url, "--data-dir", str(tmp_path / "other"))
    refused = commands.leanvibe(*words)

    assert 0 != refused.returncode
    assert "LEANVIBE_TOKEN" in refused.stderr
    assert 0 == commands.leanvibe(*words, LEANVIBE_TOKEN=closed.token).returncode


@pytest.mark.parametrize("hook", [python_hook, shell_hook])
def test_forwarders_find_the_token(closed: Sidecar, hook: Any) -> None:
    """Both forwarders bring the data directory's token to its own sidecar; another token by the environment wins."""

    def refused() -> bool:
        return "refused" in {record["action"] for record in AuditTrail(closed.data_dir).records()}

    def stored() -> int:
        return int(closed.sql("SELECT count(*) FROM events")[0][0])

    assert SILENT == forward(hook("Stop"), EVENT, environment(closed.data_dir))
    until(lambda: 1 == stored(), "the event is stored")
    assert not refused()

    other = environment(closed.data_dir, LEANVIBE_INGEST_TOKEN="stale")
    assert SILENT == forward(hook("Stop"), EVENT, other)
    until(refused, "the stale token was refused")
    until(lambda: 2 == stored(), "what was refused is kept, then stored")


def test_rotation_takes_effect_at_once(closed: Sidecar) -> None:
    """Old tokens, cookies, one-time links and open WebSockets end with the rotation, without a restart."""
    old, old_send = closed.token, ingest_token(closed)
    link = closed.post("/api/v1/access/codes", {}, headers=bearer(old)).json()["path"]
    unused = closed.post("/api/v1/access/codes", {}, headers=bearer(old)).json()["path"]
    page = {"Cookie": closed.raw("GET", link).headers["set-cookie"].partition(";")[0]}
    assert closed.raw("GET", f"{API}/events", headers=page).is_success

    with closed.live() as socket:
        run = commands.leanvibe("token", "rotate", "--data-dir", str(closed.data_dir))
        assert 0 == run.returncode, run.stderr
        assert "1008" in said_at_the_end(socket)

    assert old != closed.token
    assert old_send != ingest_token(closed)
    for headers in (bearer(old), page):
        assert 401 == closed.raw("GET", f"{API}/events", headers=headers).status_code
    assert "set-cookie" not in closed.raw("GET", unused).headers
    assert 401 == closed.post(NATIVE, EVENT, headers=bearer(old_send)).status_code
    assert closed.post(NATIVE, EVENT, headers=bearer(ingest_token(closed))).is_success
    assert closed.get(f"{API}/events").is_success
    told = run.stdout + run.stderr + closed.output()
    assert not [token for token in (old, old_send, closed.token, ingest_token(closed)) if token in told]


def test_rotation_without_a_sidecar(tmp_path: Path) -> None:
    """With none running the files are changed, under the directory's lock; the next start uses them."""
    with running_sidecar(CLOSED, home=tmp_path) as sidecar:
        old = sidecar.token
        sidecar.stop()
        run = commands.leanvibe("token", "rotate", "--only", "reading", "--data-dir", str(sidecar.data_dir))
        assert 0 == run.returncode, run.stderr
        sidecar.start()

        assert old != sidecar.token
        assert sidecar.get(f"{API}/events").is_success
        shown = commands.leanvibe("token", "show", "--data-dir", str(sidecar.data_dir))
        assert sidecar.token == shown.stdout.strip()


def test_hooks_are_installed_with_the_token(closed: Sidecar, tmp_path: Path) -> None:
    """Hooks deliver with the token, follow a rotation, are named when stale, and go again byte by byte."""
    home = tmp_path / "home"
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True)
    before = '{\n  "env": {"OTHER": "1"},\n  "model": "opus"\n}\n'
    settings.write_text(before)
    settings.chmod(0o644)

    def run(*words: str) -> str:
        done = commands.leanvibe(*words, "--data-dir", str(closed.data_dir), HOME=str(home))
        assert 0 == done.returncode, done.stderr
        return done.stdout + done.stderr

    def delivered() -> list[str]:
        held = json.loads(settings.read_text())
        client = LoopbackClient(held, {**agent_environment(str(home)), **held["env"]})
        with contextlib.closing(client):
            client.fire({"session_id": "hooks", "hook_event_name": "Stop"})
        return client.errors

    run("hooks", "install")
    assert 0o600 == stat.S_IMODE(settings.stat().st_mode)
    assert [] == delivered()
    assert ingest_token(closed) in settings.read_text()
    assert ingest_token(closed) not in run("hooks", "install", "--dry-run")
    assert "already" in run("hooks", "install")

    assert "new token" in run("token", "rotate")
    assert [] == delivered()
    settings.write_text(settings.read_text().replace(ingest_token(closed), "stale"))
    assert "stale" in run("hooks", "status")
    assert [] != delivered()
    run("hooks", "install")
    assert [] == delivered()

    run("hooks", "uninstall")
    assert (before, 0o644) == (settings.read_text(), stat.S_IMODE(settings.stat().st_mode))


def test_no_token_comes_into_shared_settings(closed: Sidecar, tmp_path: Path) -> None:
    """A project's settings, and any that git tracks, are refused, and nothing is written."""
    settings = tmp_path / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{}")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", ".claude/settings.json"], check=True)

    said = {}
    for scope in ("project", "user"):
        words = ("hooks", "install", "--scope", scope, "--data-dir", str(closed.data_dir))
        run = commands.leanvibe(*words, HOME=str(tmp_path))
        assert 1 == run.returncode
        said[scope] = run.stderr

    assert "shared" in said["project"]
    assert "version control" in said["user"]
    assert "{}" == settings.read_text()


def test_a_question_in_the_air_is_answered(closed: Sidecar) -> None:
    """What was let in before a rotation is finished; the answer to the rotation itself arrives."""
    answer = httpx.post(
        closed.url + "/api/v1/access/rotate", content=b"{}", headers={**JSON, **closed.bearer}, trust_env=False
    )

    assert (200, {"rotated": ["reading", "ingest"]}) == (answer.status_code, answer.json())
