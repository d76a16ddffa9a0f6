"""`WS /api/v1/websocket/observability`: the tap that dashboards and `leanvibe tail` read.

Text messages, each one JSON object: `{"events": [...]}` with the fields of the data model, oldest first, `dropped`
beside it when this client was too slow for that many, `alerts` when secrets of known vendors went through and were
redacted (`rule`, `path`, `session_id`, `seq`); `{"heartbeat": true}` when nothing came for a while. Query
parameters of `FILTERS` choose which events come.
"""

import asyncio
import contextlib
from typing import Any

from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from sidecar.front.live.hub import FILTERS, LiveHub, Subscription

PATH = "/api/v1/websocket/observability"
HEARTBEAT_SECONDS = 15.0


def live_route(hub: LiveHub) -> WebsocketRouteHandler:
    """The handler that connects clients to the hub."""

    @websocket(PATH)
    async def observability(socket: WebSocket[Any, Any, Any]) -> None:
        filters = {name: value for name in FILTERS if (value := socket.query_params.get(name))}
        await socket.accept()
        subscription = hub.subscribe(filters)
        sender = asyncio.create_task(_send_frames(socket, subscription))
        try:
            await _until_gone(socket)
        finally:
            hub.unsubscribe(subscription)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await sender

    return observability


async def _send_frames(socket: WebSocket[Any, Any, Any], subscription: Subscription) -> None:
    while True:
        frame = await subscription.next_frame(HEARTBEAT_SECONDS)
        await socket.send_text(frame.decode())


async def _until_gone(socket: WebSocket[Any, Any, Any]) -> None:
    """Reads and ignores what the client says, until it hangs up."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data("text")
