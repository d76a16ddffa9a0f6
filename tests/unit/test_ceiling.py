"""Laws of the worker's ceiling, in a process of its own each: a ceiling cannot be lifted again."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.worker import ceiling

USES = """
import mmap
from sidecar.worker import ceiling
ceiling.limit_memory({limit})
kept = mmap.mmap(-1, {taken} << 20)
ceiling.end_if_used_up()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much address space is taken")
@pytest.mark.parametrize(("limit", "taken", "code"), [(3072, 1, 0), (700, 1, 0), (3072, 2700, 70)])
def test_a_worker_ends_when_nothing_is_left(limit: int, taken: int, code: int) -> None:
    """One whose address space was used up by a query makes room for another; an ordinary one goes on."""
    run = subprocess.run(
        [sys.executable, "-c", USES.format(limit=limit, taken=taken)], capture_output=True, text=True, check=False
    )

    assert code == run.returncode, run.stderr


def test_no_room_to_ask_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system cannot even be asked how much is left, a query has used it up."""

    def lacking(*_: object) -> str:
        raise MemoryError

    monkeypatch.setattr(Path, "read_text", lacking)

    assert ceiling.is_used_up()
