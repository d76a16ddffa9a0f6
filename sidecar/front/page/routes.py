"""Routes of the page: its files, the one-time link, signing in with the token, and what it must know to start."""

import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler

from sidecar import __version__
from sidecar.front.auditor import Auditor, who_of
from sidecar.front.keys import Keys
from sidecar.front.page import cookie
from sidecar.front.page.codes import OneTimeCodes
from sidecar.front.page.files import HEADERS, PageFile
from sidecar.paths import API, CODES, OPEN_LINK, SIGN_IN
from sidecar.settings import Settings

NEVER = {**HEADERS, "Cache-Control": "no-store"}


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """The token, typed in by a person."""

    token: str


class PageFacts(msgspec.Struct):
    """What the page must know of this sidecar; `trace_url` is empty when no tracing backend is set."""

    host: str
    version: str
    trace_url: str
    sql_max_rows: int
    sql_timeout_seconds: float
    timestamp: str
    """The time on this host, which the page goes by: a browser's clock may be another."""


def file_route(files: dict[str, PageFile]) -> HTTPRouteHandler:
    """The handler that serves the page's files: the document, and everything it loads."""

    @get(["/", "/favicon.svg", "/assets/{name:str}"], include_in_schema=False)
    async def page_file(request: Request[Any, Any, Any]) -> Response[bytes]:
        file = files.get(request.scope["path"].lstrip("/"))
        if file is None:
            raise NotFoundException
        return Response(file.content, media_type=file.media_type, headers=file.headers)

    return page_file


def access_routes(
    keys: Keys, codes: OneTimeCodes, auditor: Auditor, clock: Callable[[], float] = time.time
) -> list[HTTPRouteHandler]:
    """The handlers that let a browser in: by a one-time link, or by the token itself."""

    @get(OPEN_LINK, include_in_schema=False)
    async def open_link(request: Request[Any, Any, Any], code: str = "") -> Response[None]:
        headers = {**NEVER, "Location": "/"}
        token = keys.reading  # of now: what is signed with it ends with it, should it change meanwhile
        if codes.use(code):
            await auditor.require("page.link_used", who_of(request.scope))
            headers["Set-Cookie"] = cookie.set_cookie(token, clock(), secure=request.scope["scheme"] == "https")
        return Response(None, status_code=HTTPStatus.SEE_OTHER, headers=headers)

    @post(CODES, status_code=201, summary="A one-time link to the page")
    async def new_code(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
        path = link_path(codes)  # before it waits: a new token makes it worthless then
        await auditor.require("page.link_made", who_of(request.scope))
        return Response({"path": path}, headers=NEVER)

    @post(SIGN_IN, status_code=204, summary="The page's cookie, for whoever knows the token")
    async def sign_in(data: SignIn, request: Request[Any, Any, Any]) -> Response[None]:
        token = keys.reading
        if not hmac.compare_digest(data.token.strip().encode(), token.encode()):
            auditor.refused(HTTPStatus.FORBIDDEN, who_of(request.scope))
            return Response(None, status_code=HTTPStatus.FORBIDDEN, headers=NEVER)
        await auditor.require("page.signed_in", who_of(request.scope))
        return Response(
            None,
            status_code=204,
            headers={
                **NEVER,
                "Set-Cookie": cookie.set_cookie(token, clock(), secure=request.scope["scheme"] == "https"),
            },
        )

    return [open_link, new_code, sign_in]


def facts_route(settings: Settings) -> HTTPRouteHandler:
    """The handler of what the page must know; it needs the token, so it also tells whether the page may read."""
    facts = PageFacts(
        settings.host_name, __version__, settings.trace_url, settings.sql_max_rows, settings.sql_timeout_seconds, ""
    )

    @get(f"{API}/page", summary="What the page must know of this sidecar")
    async def page_facts() -> PageFacts:
        return msgspec.structs.replace(facts, timestamp=datetime.now(UTC).isoformat())

    return page_facts


def link_path(codes: OneTimeCodes) -> str:
    """Path and query of a new one-time link."""
    return f"{OPEN_LINK}?code={codes.issue()}"
