"""Laws of the spool: what a forwarder kept is taken in, and what cannot be is counted."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from sidecar import spool
from sidecar.errors import BadRequestError
from sidecar.front import spooled
from sidecar.front.processor import HookEventProcessor


class Refusing:
    """A processor that takes nothing."""

    def __init__(self) -> None:
        self.dropped = 0

    async def process_spooled(self, *_: Any) -> None:
        """Refuses."""
        raise BadRequestError("no", hint="none")

    def drop_spooled(self) -> None:
        """Counts."""
        self.dropped += 1


@pytest.mark.parametrize("facts", [None, {"event_id": "e", "forwarded_at": 1, "session_id": "s"}])
def test_what_cannot_be_taken_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any] | None
) -> None:
    """A file that holds no event, and an event that is refused, go with a count, and block nothing."""
    file = tmp_path / "one.json"
    file.write_text("{")
    monkeypatch.setattr(spool, "waiting", lambda *_, **__: [file])
    monkeypatch.setattr(spool, "read", lambda _: facts)
    processor = Refusing()

    assert 1 == asyncio.run(spooled.take_in(tmp_path, cast("HookEventProcessor", processor)))

    assert (1, False) == (processor.dropped, file.exists())
