"""What the running sidecar puts on record, and what it does when it cannot."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sidecar.audit.trail import AuditTrail
from sidecar.redact import PIIRedactor
from tests import commands
from tests.recorded import secrets
from tests.sidecar_process import API, JSON, Sidecar, running_sidecar
from tests.waiting import until


@pytest.fixture(name="watched")
def _watched(tmp_path: Path) -> Iterator[Sidecar]:
    with running_sidecar(home=tmp_path) as running:
        yield running


def trail(sidecar: Sidecar) -> list[dict[str, Any]]:
    """The records."""
    return list(AuditTrail(sidecar.data_dir).records())


def actions(sidecar: Sidecar) -> list[str]:
    return [record["action"] for record in trail(sidecar)]


def verified(sidecar: Sidecar, *words: str) -> tuple[int, str]:
    run = commands.leanvibe("audit", "verify", "--data-dir", str(sidecar.data_dir), *words)
    return run.returncode, run.stdout


def test_who_read_or_changed_what_is_on_record(watched: Sidecar) -> None:
    """Reading, SQL, the tap, links, rotation and refusals are recorded with who did it; what was repeated once."""
    for _ in range(3):
        assert watched.get(f"{API}/events").is_success
    watched.sql("SELECT 42")
    with watched.live("?agent=claude-code"):
        pass
    link = watched.post("/api/v1/access/codes", {}, headers=watched.bearer).json()["path"]
    page = {"Cookie": watched.raw("GET", link).headers["set-cookie"].partition(";")[0]}
    assert watched.raw("POST", f"{API}/sql", b'{"query":"SELECT 43"}', {**JSON, **page}).is_success
    watched.post(f"{API}/replay", {"sink": "redis"}, headers=watched.bearer)
    for _ in range(3):
        assert 401 == watched.raw("GET", f"{API}/events").status_code
    watched.post("/api/v1/access/rotate", {}, headers=watched.bearer)

    until(lambda: "refused" in actions(watched), "the refusal is on record, for which nobody waited")
    found = {(record["action"], record.get("actor")) for record in trail(watched)}
    reading = {("events", "token"), ("sql", "token"), ("sql", "cookie"), ("tap", "token"), ("replay", "token")}
    access = {("page.link_made", "token"), ("page.link_used", "nobody"), ("token.rotate", "token")}
    assert reading | access | {("refused", "nobody"), ("start", "sidecar"), ("redaction.rules", "sidecar")} == found
    assert [1, 1] == [actions(watched).count(action) for action in ("events", "refused")]
    assert {"127.0.0.1"} == {record["origin"] for record in trail(watched) if record["actor"] == "token"}
    assert (0, True) == ((said := verified(watched))[0], "in order" in said[1])
    listed = commands.leanvibe("audit", "--json", "--limit", "2", "--data-dir", str(watched.data_dir))
    assert trail(watched)[-2:] == json.loads(listed.stdout)


@pytest.mark.parametrize("way", ["{}", "{}/", "/{}", "{}//"])
def test_no_spelling_of_a_path_is_off_the_record(sidecar: Sidecar, way: str) -> None:
    """However the path of the event list is written: when it is answered, it is on record."""
    session = f"spelling-{len(way)}-{way.index('{')}"
    answer = sidecar.get(f"{way.format(f'{API}/events')}?session_id={session}")
    found = [record["detail"].get("session_id") for record in trail(sidecar)]

    assert answer.status_code == 404 or session in found


@pytest.mark.parametrize("path", ["/", f"{API}/health", "/metrics", "/api/v1/hooks/claude-code", "/schema"])
def test_a_websocket_of_nobody_is_only_counted(sidecar: Sidecar, path: str) -> None:
    """Who may read nothing writes no record of their own by a WebSocket, whatever path is open to all."""
    before = trail(sidecar)
    for number in range(3):
        with (
            pytest.raises(InvalidStatus),
            connect(f"{sidecar.url.replace('http', 'ws')}{path}?of={path}&{number}", proxy=None),
        ):
            pass

    added = trail(sidecar)[len(before) :]
    assert set() == {record["action"] for record in added} - {"refused"}


def test_the_trail_is_a_table(watched: Sidecar) -> None:
    """SQL reads it, the asking itself included; nothing in SQL changes it."""
    query = "SELECT action, detail->>'query' FROM audit WHERE action = 'sql'"

    assert [["sql", query]] == watched.sql(query)
    answer = watched.post(f"{API}/sql", {"query": "DELETE FROM audit"}, headers=watched.bearer)
    assert 403 == answer.status_code


def test_no_secret_is_on_record(tmp_path: Path) -> None:
    """Secrets that a person pastes into SQL, and passwords in settings, are not in the trail."""
    dsn = "postgresql://user:made-up-pass-1@127.0.0.1:1/none"
    with running_sidecar({"LEANVIBE_POSTGRES_DSN": dsn, "LEANVIBE_SQL_MAX_ROWS": "77"}, home=tmp_path) as watched:
        asked = [f"SELECT '{secret}'" for secret in secrets()]
        for query in asked:
            watched.post(f"{API}/sql", {"query": query}, headers=watched.bearer)
        content = (watched.data_dir / "audit.jsonl").read_text()
        start = next(record for record in trail(watched) if record["action"] == "start")
        kept = [record["detail"]["query"] for record in trail(watched) if record["action"] == "sql"]

    redactor = PIIRedactor()
    assert [redactor.redact({"query": query}).value["query"] for query in asked] == kept
    assert 8 < len(set(asked) - set(kept))
    assert "made-up-pass-1" not in content
    assert 77 == start["detail"]["settings"]["sql_max_rows"]
    assert "postgres_dsn" in start["detail"]["settings"]


def test_what_cannot_be_recorded_is_not_done(watched: Sidecar) -> None:
    """Without the trail reading and changing are refused and health says why; events are taken as before."""
    token = watched.token
    (watched.data_dir / "audit.jsonl").unlink()
    (watched.data_dir / "audit.jsonl").mkdir()

    asked = [
        watched.get(f"{API}/events"),
        watched.post(f"{API}/sql", {"query": "SELECT 1"}, headers=watched.bearer),
        watched.post(f"{API}/replay", {"sink": "redis"}, headers=watched.bearer),
        watched.post("/api/v1/access/rotate", {}, headers=watched.bearer),
        watched.post("/api/v1/access/codes", {}, headers=watched.bearer),
    ]
    with pytest.raises(InvalidStatus), watched.live():
        pass

    assert [503] * 5 == [answer.status_code for answer in asked]
    assert token == watched.token
    assert "audit trail" in watched.health()["components"]["audit"]["error"]
    assert 204 == watched.post_native({"session_id": "s", "hook_event_name": "Stop"}).status_code
    (watched.data_dir / "audit.jsonl").rmdir()
    assert watched.get(f"{API}/events").is_success


def test_a_change_is_found_over_a_restart(watched: Sidecar) -> None:
    """A record that was changed while nothing ran is found, and stays found when the sidecar goes on writing."""
    watched.sql("SELECT 'what nobody should know'")
    noted = verified(watched)[1].split()[-1]
    watched.stop()
    file = watched.data_dir / "audit.jsonl"
    file.write_bytes(file.read_bytes().replace(b"what nobody", b"nothing but"))

    assert 1 == verified(watched)[0]
    watched.start()
    watched.sql("SELECT 1")
    code, said = verified(watched, "--expect", noted)
    assert (1, True) == (code, "audit.jsonl line" in said)


def test_new_redaction_rules_are_on_record(tmp_path: Path) -> None:
    """A start with another policy records that the rules changed, and their hashes; the same policy does not."""
    policy = tmp_path / "policy.toml"
    policy.write_text("")
    with running_sidecar({"LEANVIBE_REDACTION_POLICY": str(policy)}, home=tmp_path) as watched:
        watched.stop()
        watched.start()
        watched.stop()
        policy.write_text("# other\n")
        watched.start()
        changes = [record["detail"] for record in trail(watched) if record["action"] == "redaction.rules"]

    assert 2 == len(changes)
    assert changes[0]["now"] == changes[1]["before"] != changes[1]["now"]


def test_a_killed_sidecar_leaves_a_chain_that_goes_on(watched: Sidecar) -> None:
    """After a kill the next start goes on with the same chain; a command that asks the files is recorded, too."""
    watched.sql("SELECT 1")
    watched.kill()
    with (watched.data_dir / "audit.jsonl").open("ab") as file:
        file.write(b'{"seq":')
    run = commands.leanvibe("sql", "SELECT 2", "--data-dir", str(watched.data_dir))
    assert 0 == run.returncode, run.stderr
    watched.start()

    assert 0 == verified(watched)[0]
    found = trail(watched)
    assert {"audit.unfinished_line", "sql"} <= {record["action"] for record in found}
    assert f"uid {os.getuid()}" in next(one["origin"] for one in found if one.get("actor") == "command")
