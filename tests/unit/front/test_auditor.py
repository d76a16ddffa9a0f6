"""Laws of recording: whatever keeps a record from being written is told, and nothing is done unrecorded."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from sidecar.audit.trail import HEAD_FILE, AuditTrail
from sidecar.errors import AuditError
from sidecar.front import auditor as module
from sidecar.front.auditor import Auditor
from sidecar.redact import PIIRedactor


@pytest.fixture(name="trail")
def _trail(tmp_path: Path) -> AuditTrail:
    return AuditTrail(tmp_path)


def test_a_fault_refuses_and_is_told(trail: AuditTrail, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody expected is as good as a full disk: refused, seen in health, and over when it is."""
    auditor = Auditor(trail, PIIRedactor(engine="python"))

    def fail(*_: Any) -> None:
        raise ValueError("a secret of the query")

    with monkeypatch.context() as broken:
        broken.setattr(trail, "append", fail)
        with pytest.raises(AuditError, match=r"ValueError at test_auditor\.py"):
            asyncio.run(auditor.require("sql", {}))
        assert "secret" not in (auditor.trouble or "secret")
    assert 1 == asyncio.run(auditor.require("sql", {}))
    assert auditor.trouble is None
    auditor.close()


def test_a_head_of_any_kind_is_put_on_record(trail: AuditTrail, tmp_path: Path) -> None:
    """A head too deep to be read is one that does not fit, and the trail goes on from what is in the files."""
    trail.append("sql")
    (tmp_path / HEAD_FILE).write_bytes(b"[" * 100_000)
    trail.append("sql")

    assert ["sql", "audit.mismatch", "sql"] == [record["action"] for record in trail.records()]


def test_more_than_may_wait_are_refused(trail: AuditTrail, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is slow only so many wait for it; one more is refused at once, and the others are not."""
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    auditor = Auditor(trail, PIIRedactor(engine="python"))
    disk, append = threading.Event(), trail.append

    def slowly(*args: Any) -> Any:
        disk.wait(10)
        return append(*args)

    async def run() -> list[int]:
        waiting = [asyncio.create_task(auditor.require("sql", {})) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(AuditError, match="too many requests wait"):
            await auditor.require("sql", {})
        disk.set()
        return await asyncio.gather(*waiting)

    monkeypatch.setattr(trail, "append", slowly)
    assert [1, 2] == asyncio.run(run())
    assert 3 == asyncio.run(auditor.require("sql", {}))
    auditor.close()
