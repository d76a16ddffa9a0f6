"""Takes in what forwarders spooled: at the start, then every few seconds, as one may give up on a busy sidecar."""

import asyncio
import time
from pathlib import Path

from sidecar import spool
from sidecar.agents import NORMALISERS
from sidecar.agents.claude_code import AGENT
from sidecar.errors import IngestError, NotDurableError
from sidecar.front.processor import HookEventProcessor
from sidecar.intake import Incoming

LOOK_SECONDS = 2.0
UNDER_WAY_SECONDS = 2.0
"""A forwarder that wrote a younger file may still be appending the whole event, and then remove it."""
NOTE = {"content_dropped": {"reason": "no_sidecar_answered"}}


class SpoolIntake:
    """Looks into the spool of one data directory.

    Args:
        data_dir: whose spool it is.
        processor: makes events durable, and counts what is none.
    """

    def __init__(self, data_dir: Path, processor: HookEventProcessor) -> None:
        self._data_dir = data_dir
        self._processor = processor
        self._left: set[Path] = set()
        """Taken in, and could not be removed."""

    async def keep_looking(self) -> None:
        """Takes in what there is every `LOOK_SECONDS`, until it is cancelled; raises as `take_in` does."""
        while True:
            await self.take_in()
            await asyncio.sleep(LOOK_SECONDS)

    async def take_in(self) -> int:
        """Makes every spooled event durable, then removes its file; how many there were.

        One whose file survives a crash in between is recognised by its id.

        Raises:
            OSError: the spool, or a file in it, cannot be read or removed now; the others were taken in.
        """
        count = 0
        trouble: OSError | None = None
        waiting = list(spool.waiting(self._data_dir, before=time.time() - UNDER_WAY_SECONDS))
        self._left.intersection_update(waiting)
        for path in waiting:
            try:
                await self._take_once(path)
                path.unlink(missing_ok=True)
                count += 1
            except NotDurableError:
                break  # the files stay for the next look
            except OSError as error:
                trouble = OSError(error.errno, f"{path} stays in the spool: {error.strerror or error}")
        if trouble is not None:
            raise trouble
        return count

    async def _take_once(self, path: Path) -> None:
        if path in self._left:
            return
        try:
            await self._take(path)
        except NotDurableError:
            raise
        except IngestError:
            self._processor.drop_spooled()  # it would fail again
        self._left.add(path)

    async def _take(self, path: Path) -> None:
        facts = spool.read(path)
        if facts is None:
            self._note_unusable(path)
            return
        received_at = min(facts.pop("forwarded_at"), time.time_ns() // 1000)
        event_id = facts.pop("event_id")
        payload = {"session_id": "unknown", **facts, **NOTE}
        await self._processor.process_spooled(Incoming(payload, 0, event_id, {}, received_at), NORMALISERS[AGENT])

    def _note_unusable(self, path: Path) -> None:
        """Counts a file that is no spooled event; one that has gone was delivered by its forwarder meanwhile."""
        if path.is_symlink() or path.exists():
            self._processor.drop_spooled()
