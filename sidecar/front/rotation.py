"""`POST /api/v1/access/rotate`: new tokens, at once, for whoever has the old one."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from sidecar.errors import LeanvibeError
from sidecar.front.auditor import Auditor, who_of
from sidecar.front.keys import Keys, Purpose
from sidecar.front.receive.replies import refusal
from sidecar.paths import ROTATE


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """Which tokens are to be new."""

    tokens: list[Purpose] = msgspec.field(default_factory=lambda: ["reading", "ingest"])


def rotate_route(
    keys: Keys, auditor: Auditor, changed: Callable[[list[Purpose]], Awaitable[None]]
) -> HTTPRouteHandler:
    """The handler; `changed` makes the new tokens count everywhere. The answer names them and does not hold them."""

    @post(ROTATE, status_code=200, summary="New tokens: the old ones, cookies and open WebSockets end")
    async def rotate(data: Rotation, request: Request[Any, Any, Any]) -> Response[Any]:
        await auditor.require("token.rotate", who_of(request.scope), {"tokens": ", ".join(data.tokens)})
        try:
            await keys.rotate(data.tokens)
        except LeanvibeError as error:
            return refusal(error, 503)
        finally:
            await changed(data.tokens)
        return Response({"rotated": data.tokens})

    return rotate
