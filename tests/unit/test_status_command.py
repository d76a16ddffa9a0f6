"""What `leanvibe status` says of turns under way."""

import pytest

from sidecar.commands.status import _show_turns


def test_running_turns_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Each turn with its agent, age, events and wait; nothing when none runs."""
    _show_turns({"running": 0, "oldest": []})
    assert "" == capsys.readouterr().out
    turn = {"agent": "claude-code", "seconds": 754.2, "events": 12, "waiting_for_permission_seconds": 61.0}
    _show_turns({"running": 1, "oldest": [turn]})
    shown = capsys.readouterr().out
    assert [] == [word for word in ("turns running: 1", "claude-code", "754 s", "12", "61 s") if word not in shown]
