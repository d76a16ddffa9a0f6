"""Laws of the live route that need no sidecar."""

import asyncio
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from sidecar.front.live.hub import LiveHub
from sidecar.front.live.replay import Replay
from sidecar.front.live.websocket import TRY_AGAIN, live_route
from sidecar.paths import TAP
from tests.recorded_events import recorded_events


@pytest.mark.parametrize("page", [b"[]", b"{}", b"no page"])
def test_a_page_that_is_none_ends_the_connection(page: bytes) -> None:
    """A client that nothing more can be told is not left waiting for ever: it is told to come again."""

    async def ask(*_: Any) -> msgspec.Raw:
        return msgspec.Raw(page)

    app = Litestar([live_route(LiveHub(), ask, lambda: 5, 1)], openapi_config=None)
    with TestClient(app) as client, client.websocket_connect(f"{TAP}?after=0") as socket:
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text(timeout=10)
        assert TRY_AGAIN == ended.value.code


def test_a_cursor_from_another_journal_begins_at_the_end_of_this_one() -> None:
    """A client that knows a number never reached here gets what comes from now on, and nothing is skipped of it."""

    async def scenario() -> tuple[int, list[int]]:
        hub = LiveHub()
        subscription = hub.subscribe({})
        position = await Replay(never_asked, lambda: 3, never_asked).catch_up(subscription, {}, 900)
        hub.publish(recorded_events(5)[3:])
        frame = msgspec.json.decode(await subscription.next_frame(5))
        return position, [event["seq"] for event in frame["events"]]

    assert (3, [4, 5]) == asyncio.run(scenario())


async def never_asked(*_: Any) -> Any:
    raise AssertionError("there is nothing to read")
