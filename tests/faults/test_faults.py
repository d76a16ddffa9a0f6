"""The fault suite, short: `python -m tests.faults --rounds 50` is the long one."""

import random
from pathlib import Path

from tests.faults.rounds import run, running_sinks


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Killed and started again under load, with sinks going and coming, no sink lacks an acknowledged event."""
    said: list[str] = []
    with running_sinks() as sinks:
        tallies = run(tmp_path, sinks, 2, random.Random(3), said.append)

    assert {one.sink: () for one in tallies} == {one.sink: one.lost for one in tallies}, said
    assert {"store": 0, "postgres": 0, "spans": 0} == {
        one.sink: one.duplicates for one in tallies if one.sink in {"store", "postgres", "spans"}
    }
