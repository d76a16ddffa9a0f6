"""`WS /api/v1/websocket/observability`: the tap that the page, `leanvibe tail` and others read.

Each message is text, one JSON object:

* `{"events": [...]}`: with the fields of `events.FIELDS`, oldest first. Beside it `dropped`, when this client was too
  slow for that many, and `alerts` (`rule`, `path`, `session_id`, `seq`), when secrets of known vendors were redacted.
* `{"heartbeat": true}`: nothing came for `HEARTBEAT_SECONDS`.
* `{"live": true, "seq": N}`: with `after=SEQ` only, once everything after that number was replayed from the store.
  The client has all up to N, and the feed follows without gap or repeat.

Query parameters of `FILTERS` choose which events come; an unknown one closes the socket with the reason.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from sidecar.errors import LeanvibeError
from sidecar.events import EventType
from sidecar.front.live.hub import FILTERS, LiveHub, Subscription
from sidecar.front.live.replay import Ask, Replay
from sidecar.paths import TAP

AFTER = "after"
HEARTBEAT_SECONDS = 15.0
MAX_SEQ = 2**63 - 1
UNSUPPORTED = 1008
"""Close code of a question that cannot be answered (RFC 6455, 7.4.1)."""
TRY_AGAIN = 1013
"""Close code of a replay that the store failed, or when there are too many clients (IANA's registry)."""

Socket = WebSocket[Any, Any, Any]


def live_route(hub: LiveHub, ask: Ask, last_seq: Callable[[], int], max_clients: int) -> WebsocketRouteHandler:
    """The handler that connects clients to the hub, and to the store for what they missed."""

    @websocket(TAP)
    async def observability(socket: Socket) -> None:
        asked = list(socket.query_params.multi_items())
        await socket.accept()
        if wrong := misunderstood(asked):
            await socket.close(UNSUPPORTED, wrong)
            return
        filters = {name: value for name, value in asked if name in FILTERS and value}
        after = sequence(socket.query_params.get(AFTER))
        if hub.clients >= max_clients:
            await socket.close(TRY_AGAIN, "too many clients")
            return
        subscription = hub.subscribe(filters)
        replay = Replay(ask, last_seq, lambda frame: socket.send_text(frame.decode()))
        sender = asyncio.create_task(_feed(socket, subscription, replay, filters, after))
        try:
            await _until_gone(socket, sender)
        finally:
            hub.unsubscribe(subscription)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await sender

    return observability


def misunderstood(asked: Sequence[tuple[str, str]]) -> str:
    """What of a question's names and values cannot be answered, in at most 123 bytes; empty if all can.

    A filter that is overlooked would send everything, and one that can match nothing would keep silent for ever.
    """
    names = [name for name, _ in asked]
    given = dict(asked)
    if not {AFTER, *FILTERS}.issuperset(names):
        return f"there are after, {', '.join(FILTERS)}, and nothing else to ask for"
    if len(given) < len(names):
        return "one value each: a filter was given twice"
    if AFTER in given and sequence(given[AFTER]) is None:
        return "after= takes a sequence number"
    if (kind := given.get("event_type")) and kind not in EventType.__members__:
        return "there is no such event_type: they are written as in ERROR, PRE_TOOL_USE"
    return ""


def sequence(text: str | None) -> int | None:
    """A sequence number as a client writes it; None when it is none."""
    if not text or not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_SEQ)):
        return None
    return min(int(text), MAX_SEQ)


async def _feed(
    socket: Socket, subscription: Subscription, replay: Replay, filters: dict[str, str], after: int | None
) -> None:
    try:
        if after is not None:
            position = await replay.catch_up(subscription, filters, after)
            await socket.send_text(msgspec.json.encode({"live": True, "seq": position}).decode())
    except (LeanvibeError, msgspec.MsgspecError):  # the second: a page that is none
        await socket.close(TRY_AGAIN, "the store cannot be read")
        return
    while True:
        await socket.send_text(await subscription.next_frame(HEARTBEAT_SECONDS))


async def _until_gone(socket: Socket, sender: "asyncio.Task[None]") -> None:
    """Reads and ignores what the client says, until it hangs up or there is nothing more to tell it."""
    with contextlib.suppress(WebSocketDisconnect):
        while not sender.done():
            await socket.receive_data("text")
