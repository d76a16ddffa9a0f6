"""Takes in what forwarders spooled: at the start, then every few seconds, as one may give up on a busy sidecar."""

import asyncio
import time
from pathlib import Path

from sidecar import spool
from sidecar.agents import NORMALISERS
from sidecar.agents.claude_code import AGENT
from sidecar.errors import IngestError, NotDurableError
from sidecar.front.processor import HookEventProcessor, Incoming

LOOK_SECONDS = 2.0
UNDER_WAY_SECONDS = 2.0
"""A forwarder that wrote a younger file may still be appending the whole event, and then remove it."""
NOTE = {"content_dropped": {"reason": "no_sidecar_answered"}}


async def keep_taking_in(data_dir: Path, processor: HookEventProcessor) -> None:
    """Takes in the spool of a data directory every `LOOK_SECONDS`, until it is cancelled."""
    while True:
        await take_in(data_dir, processor)
        await asyncio.sleep(LOOK_SECONDS)


async def take_in(data_dir: Path, processor: HookEventProcessor) -> int:
    """Makes every spooled event durable, then removes its file; how many there were.

    One whose file survives a crash in between is recognised by its id.
    """
    count = 0
    for path in spool.waiting(data_dir, before=time.time() - UNDER_WAY_SECONDS):
        try:
            await _take(path, processor)
        except NotDurableError:
            return count  # the files stay for the next look
        except IngestError:
            processor.drop_spooled()  # it would fail again
        path.unlink(missing_ok=True)
        count += 1
    return count


async def _take(path: Path, processor: HookEventProcessor) -> None:
    facts = spool.read(path)
    if facts is None:
        _note_unusable(path, processor)
        return
    received_at = min(facts.pop("forwarded_at"), time.time_ns() // 1000)
    event_id = facts.pop("event_id")
    payload = {"session_id": "unknown", **facts, **NOTE}
    await processor.process_spooled(Incoming(payload, 0, event_id, {}, received_at), NORMALISERS[AGENT])


def _note_unusable(path: Path, processor: HookEventProcessor) -> None:
    """Counts a file that is no spooled event; one that has gone was delivered whole by its forwarder meanwhile."""
    if path.exists():
        processor.drop_spooled()
