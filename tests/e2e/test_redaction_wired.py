"""The user's policy, the kept files, the counts and the alarm of redaction in the running sidecar."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import leanvibe
from tests.servers import scratch
from tests.sidecar_process import Sidecar, running_sidecar

TOKEN = "ghp_" + "0123456789abcdefghij" + "ABCDEFGHIJ012345"
POLICY = """
leave_out = ["prompts"]
actions.email = "hash"
[[rule]]
id = "badge"
gate = ["BADGE-"]
pattern = 'BADGE-[0-9]{6}'
placeholder = "[BADGE_REDACTED]"
"""
PROMPT = {"session_id": "s-1", "hook_event_name": "UserPromptSubmit", "prompt": "hello"}
CALL = {
    "session_id": "s-1", "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "t-1",
    "tool_response": {"stdout": f"jane@example.com BADGE-004711 {TOKEN}"},
}  # fmt: skip


@pytest.fixture(scope="module", name="sidecar")
def _sidecar() -> Iterator[Sidecar]:
    with scratch() as home:
        (home / "policy.toml").write_text(POLICY)
        with running_sidecar({"LEANVIBE_REDACTION_POLICY": str(home / "policy.toml")}) as sidecar:
            yield sidecar


def test_the_policy_acts(sidecar: Sidecar) -> None:
    """What the user's file says is done: own rules, hashes with a key that is kept, content left out."""
    sidecar.post_native(PROMPT)
    sidecar.post_native(CALL)
    sidecar.post_native(CALL)

    prompt, *calls = [json.loads(row[0]) for row in sidecar.sql("SELECT payload FROM events ORDER BY seq")][:3]

    assert "[NOT_CAPTURED]" == prompt["prompt"]
    (first, badge, token), again = (call["tool_response"]["stdout"].split() for call in calls)
    assert (first, ["[BADGE_REDACTED]", "[API_KEY_REDACTED]"]) == (again[0], [badge, token])
    assert first.startswith("[EMAIL_REDACTED:")


def test_what_is_kept_is_private(sidecar: Sidecar) -> None:
    """The key of hashes and the compiled rules are the user's alone."""
    kept = [sidecar.data_dir / "redaction-key", *(sidecar.data_dir / "cache").iterdir()]

    assert {0o600} == {file.stat().st_mode & 0o777 for file in kept}
    assert 0o700 == (sidecar.data_dir / "cache").stat().st_mode & 0o777


def test_a_leak_raises_the_alarm(sidecar: Sidecar) -> None:
    """A vendor's secret is told at once to who watches, with its place, and counted by kind."""
    with sidecar.live("?session_id=s-1") as tap:
        sidecar.post_native({**CALL, "session_id": "s-2"})
        sidecar.post_native(CALL)
        message = json.loads(tap.recv(timeout=10))

    (alert,) = message["alerts"]
    seq = sidecar.sql("SELECT max(seq) FROM events")[0][0]
    assert {"rule": "github", "path": "tool_response.stdout", "session_id": "s-1", "seq": seq} == alert
    assert 'leanvibe_secret_leaks_total{kind="github"}' in sidecar.get("/metrics").text


def test_redactions_can_be_asked(sidecar: Sidecar) -> None:
    """`redaction_stats` counts what every rule took out, in how many events and sessions."""
    sidecar.post_native({**CALL, "session_id": "s-3", "tool_response": {"a": "BADGE-111111", "b": "BADGE-222222"}})
    sidecar.post_native({**CALL, "session_id": "s-4", "tool_response": "BADGE-333333"})

    query = (
        "SELECT replaced - events, sessions > 1, last_seen_at IS NOT NULL FROM redaction_stats WHERE rule = 'badge'"
    )
    assert [[1, True, True]] == sidecar.sql(query)


def test_health_names_the_engine(sidecar: Sidecar) -> None:
    """Health and `leanvibe status` say what looks for secrets."""
    shown = leanvibe("status", "--data-dir", str(sidecar.data_dir))

    assert 0 == shown.returncode, shown.stderr
    engine = sidecar.health()["components"]["redaction"]["engine"]
    assert engine in {"hyperscan", "python"}
    assert engine in shown.stdout


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["config", "check"]])
def test_a_wrong_policy_is_refused_at_start(tmp_path: Path, command: list[str]) -> None:
    """Nothing starts with a policy that is wrong; file and rule are named."""
    (tmp_path / "policy.toml").write_text("[[rule]]\nid = 'badge'\npattern = '(x+)+'\ngate = ['x']")
    places = {"LEANVIBE_REDACTION_POLICY": "policy.toml", "LEANVIBE_DATA_DIR": "data"}

    refused = leanvibe(*command, **{name: str(tmp_path / place) for name, place in places.items()})

    assert 0 != refused.returncode
    assert "policy.toml" in refused.stderr
    assert "badge" in refused.stderr
    assert "Traceback" not in refused.stderr
