"""What `leanvibe status` says of health and of turns under way."""

from typing import Any

import pytest
from click.testing import CliRunner

from sidecar.commands import status as module
from sidecar.commands.status import _show_turns, status

PERFORMANCE = {
    "events_processed": 1, "events_per_second": 0, "success_rate": 1.0,
    "processing_time_percentiles": {"p50": 1, "p95": 1, "p99": 1},
}  # fmt: skip


class Answers:
    """A sidecar in a given state of health."""

    url = "http://127.0.0.1:1"

    def __init__(self, state: str) -> None:
        self._health = {
            "status": state, "version": "0", "pid": 1, "components": {}, "sinks": {},
            "turns": {"running": 0, "oldest": []},
        }  # fmt: skip

    def get(self, path: str) -> dict[str, Any]:
        """What it answers there."""
        return self._health if path.endswith("/health") else {"performance": PERFORMANCE}


@pytest.mark.parametrize(("state", "code"), [("healthy", 0), ("degraded", 1), ("unhealthy", 1)])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_exit_code(monkeypatch: pytest.MonkeyPatch, state: str, code: int, options: list[str]) -> None:
    """Only what is wholly healthy ends with 0, as the help says, in words and in JSON."""
    monkeypatch.setattr(module, "client_of", lambda *_: Answers(state))

    shown = CliRunner().invoke(status, options)

    assert (code, True) == (shown.exit_code, state in shown.output), shown.output


def test_running_turns_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Each turn with its agent, age, events and wait; nothing when none runs."""
    _show_turns({"running": 0, "oldest": []})
    assert "" == capsys.readouterr().out
    turn = {"agent": "claude-code", "seconds": 754.2, "events": 12, "waiting_for_permission_seconds": 61.0}
    _show_turns({"running": 1, "oldest": [turn]})
    shown = capsys.readouterr().out
    assert [] == [word for word in ("turns running: 1", "claude-code", "754 s", "12", "61 s") if word not in shown]
    assert "more" not in shown


def test_turns_that_are_not_shown_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The rows and what is said to be left out are all turns that run."""
    turn = {"agent": "a", "seconds": 1.0, "events": 1, "waiting_for_permission_seconds": None}
    _show_turns({"running": 112, "oldest": [turn] * 20})
    assert "and 92 more" in capsys.readouterr().out
