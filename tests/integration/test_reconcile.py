"""Laws of `leanvibe reconcile`: the transcript and the store are compared call by call."""

import json
import subprocess
from pathlib import Path
from typing import Any

from sidecar.hooks.transcripts import tool_calls, transcripts
from tests.commands import LEANVIBE
from tests.loopback_client import environment
from tests.sidecar_process import running_sidecar

SESSION = "5f0c2b1e-0000-4000-8000-000000000001"


def said(role: str, *blocks: dict[str, Any]) -> str:
    return json.dumps({"type": role, "message": {"role": role, "content": list(blocks)}}) + "\n"


def call(identifier: str, name: str = "Bash") -> dict[str, Any]:
    return {"type": "tool_use", "id": identifier, "name": name, "input": {}}


def test_a_transcript_is_read_whatever_it_holds() -> None:
    """Only the agent's own calls count; lines and blocks of other shapes are passed over."""
    lines = [
        said("assistant", {"type": "text", "text": "hello"}, call("a"), call("b", "Read")),
        said("user", call("quoted")),
        '{"type": "queue-operation"}\n',
        '{"message": {"role": "assistant", "content": "text"}}\n',
        said("assistant", {"type": "tool_use"}),
        "[]\n",
        "cut off {",
    ]

    assert {"a": "Bash", "b": "Read"} == tool_calls(lines)


def test_what_only_one_side_holds_is_named(tmp_path: Path) -> None:
    """Calls of subagents and batches count, however few rows an answer has; the exit code says if one lacks."""
    project = tmp_path / ".claude" / "projects" / "-home-project"
    (project / SESSION / "subagents").mkdir(parents=True)
    (project / f"{SESSION}.jsonl").write_text(said("assistant", call("both"), call("lost"), call("denied")))
    (project / SESSION / "subagents" / "agent-1.jsonl").write_text(said("assistant", call("below", "Read")))
    assert 2 == len(transcripts(tmp_path / ".claude", SESSION))
    with running_sidecar({"LEANVIBE_SQL_MAX_ROWS": "2"}) as sidecar:
        for name in ("both", "below", "unknown"):
            body = {"hook_event_name": "PreToolUse", "session_id": SESSION, "tool_name": "Bash", "tool_use_id": name}
            assert 204 == sidecar.post_native(body).status_code
        batch = {"tool_calls": [{"tool_name": "Bash", "tool_use_id": "denied"}]}
        sidecar.post_native({"hook_event_name": "PostToolBatch", "session_id": SESSION, **batch})
        env = environment(str(tmp_path), LEANVIBE_DATA_DIR=str(sidecar.data_dir))
        first = reconcile(env)
        sidecar.post_native({**body, "tool_use_id": "lost"})
        second = reconcile(env)

    expected = {"session_id": SESSION, "both": 3, "missing": {"lost": "Bash"}, "extra": {"unknown": "Bash"}}
    assert (1, expected) == first
    assert (0, {**expected, "both": 4, "missing": {}}) == second


def test_a_session_without_a_transcript_is_said(tmp_path: Path) -> None:
    """What is no session of this user is refused by name, with where it was looked for and how to list sessions.

    It never becomes a part of a path or a query.
    """
    for session in ("unknown", "../x", "'; DROP"):
        run = subprocess.run(
            [LEANVIBE, "reconcile", session],
            env=environment(str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert 1 == run.returncode
        assert "no transcript" in run.stderr
        assert str(tmp_path / ".claude" / "projects") in run.stderr
        assert "SELECT session_id" in run.stderr


def reconcile(env: dict[str, str]) -> tuple[int, dict[str, Any]]:
    run = subprocess.run([LEANVIBE, "reconcile", SESSION, "--json"], env=env, capture_output=True, check=False)
    return run.returncode, json.loads(run.stdout)
