"""`POST /replay`: one step of sending again to a sink; needs the token."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, post
from litestar.handlers import HTTPRouteHandler

from sidecar.errors import LeanvibeError
from sidecar.front.acknowledge import Acknowledger
from sidecar.front.auditor import Auditor, who_of
from sidecar.front.receive.replies import refusal
from sidecar.front.worker_link import WorkerLink
from sidecar.paths import API

STEP_SECONDS = 120.0


class ReplayRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent again; `since` in microseconds since the epoch, `after` where the step before ended."""

    sink: str
    since: int = 0
    session_id: str | None = None
    dead_letters: bool = False
    after: int = 0


def replay_route(worker: WorkerLink, acknowledger: Acknowledger, auditor: Auditor) -> HTTPRouteHandler:
    """The handler of one step; its answer says where the next one begins and how much is left."""

    @post(f"{API}/replay", status_code=200, summary="Send again to a sink, step by step")
    async def replay(data: ReplayRequest, request: Request[Any, Any, Any]) -> Response[bytes]:
        told = {name: value for name, value in msgspec.to_builtins(data).items() if value and name != "after"}
        await auditor.require_coarse("replay", who_of(request.scope), told)
        try:
            asked = {"wanted": msgspec.to_builtins(data), "after_seq": acknowledger.last_seq}
            body = bytes(await worker.ask("replay", asked, STEP_SECONDS))
        except LeanvibeError as error:
            return refusal(error)
        return Response(body, media_type=MediaType.JSON)

    return replay
