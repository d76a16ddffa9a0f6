"""Routes that read: the event list and SQL. Both ask the worker; both need the token."""

import difflib
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from sidecar.errors import LeanvibeError, QueryFailedError
from sidecar.front.acknowledge import Acknowledger
from sidecar.front.auditor import Auditor, who_of
from sidecar.front.receive.replies import refusal
from sidecar.front.worker_link import WorkerLink
from sidecar.paths import API

GRACE_SECONDS = 10.0
"""Beyond the query's own limit: catching up, and carrying the answer."""

FILTERS = (
    "session_id", "agent", "agent_id", "event_type", "tool_name", "failed", "text", "since", "until", "before",
    "after", "limit",
)  # fmt: skip
"""What the event list can be asked for; anything else is a mistake, and ignoring it would answer with everything."""


class SqlRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One read-only SELECT."""

    query: str


def read_routes(
    worker: WorkerLink, acknowledger: Acknowledger, auditor: Auditor, sql_seconds: float, sql_rows: int
) -> list[HTTPRouteHandler]:
    """The handlers of the event list and of SQL, with the limits of one query."""

    async def asked(op: str, args: dict[str, Any], seconds: float) -> Response[bytes]:
        try:
            body = bytes(await worker.ask(op, {**args, "after_seq": acknowledger.last_seq}, seconds))
        except LeanvibeError as error:
            return refusal(error)
        return Response(body, media_type=MediaType.JSON)

    @get(f"{API}/events", summary="Recent events, newest first; with after= oldest first")
    async def events(  # noqa: PLR0913, PLR0917  the filters
        request: Request[Any, Any, Any],
        session_id: str | None = None,
        agent: str | None = None,
        agent_id: str | None = None,
        event_type: str | None = None,
        tool_name: str | None = None,
        failed: bool | None = None,  # noqa: FBT001  a filter
        text: str | None = None,
        since: str | None = None,
        until: str | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    ) -> Response[bytes]:
        if unknown := [name for name in request.query_params if name not in FILTERS]:
            return _unknown_filter(unknown[0])
        span = {"since": since or "", "until": until} if until else {}  # an export; others ask again and again
        asked_for = {**span, **({"session_id": session_id} if session_id else {})}
        await auditor.require_coarse("events", who_of(request.scope), asked_for)
        wanted = {
            "session_id": session_id, "agent": agent, "agent_id": agent_id, "event_type": event_type,
            "tool_name": tool_name, "failed": failed, "text": text, "since": since, "until": until, "before": before,
            "after": after, "limit": limit,
        }  # fmt: skip
        return await asked("events", {"wanted": wanted}, GRACE_SECONDS)

    @post(f"{API}/sql", status_code=200, summary="One read-only SELECT over events and its views")
    async def sql(data: SqlRequest, request: Request[Any, Any, Any]) -> Response[bytes]:
        await auditor.require_coarse("sql", who_of(request.scope), {"query": data.query})
        limits = {"seconds": sql_seconds, "max_rows": sql_rows}
        return await asked("sql", {"query": data.query, **limits}, sql_seconds + GRACE_SECONDS)

    return [events, sql]


def _unknown_filter(name: str) -> Response[bytes]:
    near = difflib.get_close_matches(name, FILTERS, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    error = QueryFailedError(f"there is no filter {name[:40]!r}", hint=f"{meant}there are {', '.join(FILTERS)}")
    return refusal(error)
