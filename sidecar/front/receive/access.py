"""The ASGI shell around every route that lets only allowed requests through."""

import asyncio
import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote_plus

import msgspec
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from sidecar.errors import AuditError
from sidecar.front.auditor import Auditor, who_of
from sidecar.front.known_heads import KnownHeads, Take
from sidecar.front.receive.guards import AccessPolicy, Refusal, refusal_of, refusal_of_socket

_GUARDED = frozenset({ScopeType.HTTP, ScopeType.WEBSOCKET})
POLICY_VIOLATION = 1008
"""WebSocket close code (RFC 6455, 7.4.1); before the handshake the server turns it into an HTTP 403."""
LEAVE_SECONDS = 1.0
"""How long clients are given to let the end of their WebSocket through."""


class Hooks(Protocol):
    """An ASGI application that can take an event that came whole at once."""

    def taker_of(self, scope: HTTPScope, headers: Mapping[bytes, bytes]) -> Take | None:
        """What takes the bodies of requests with that head; None leaves them to the ordinary way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ordinary way."""


class AccessGuard:
    """Refuses what `guards.refusal_of` refuses, for HTTP and WebSocket alike, before the application runs."""

    def __init__(self, app: Hooks, policy: AccessPolicy, auditor: Auditor) -> None:
        self._app = app
        self._auditor = auditor
        self._policy = policy
        self.heads = KnownHeads(self._taker_of)
        """Of requests that may pass."""
        self._sockets: set[Send] = set()
        self._deaf: set[asyncio.Task[None]] = set()
        """Closings that clients have not let through yet, kept: the event loop itself would forget them."""

    @property
    def policy(self) -> AccessPolicy:
        """What counts for the next request; a new token is a new policy."""
        return self._policy

    @policy.setter
    def policy(self, policy: AccessPolicy) -> None:
        self._policy = policy
        self.heads.forget()

    def _taker_of(self, scope: HTTPScope) -> Take | None:
        headers = dict(scope["headers"])
        if refusal_of(self._policy, scope["path"], headers) is not None:
            return None
        return self._app.taker_of(scope, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it."""
        if scope["type"] in _GUARDED:
            refusal = self._refusal_of(scope)
            if refusal is not None:
                self._auditor.refused(refusal.status, who_of(scope))
            elif scope["type"] == ScopeType.WEBSOCKET:
                refusal = await self._unrecorded(scope)
            if refusal is not None:
                await _refuse(scope, send, refusal)
                return
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._follow(scope, receive, send)
        else:
            await self._app(scope, receive, _while_there(send) if scope["type"] == ScopeType.HTTP else send)

    async def _unrecorded(self, scope: Scope) -> Refusal | None:
        """Why a WebSocket is refused after all; None once it is on record and still may pass.

        Looked at again, because the token may have changed meanwhile, and what was open then has ended.
        """
        detail = {"query": unquote_plus(scope["query_string"].decode("latin-1"))}  # as it is meant: it is redacted so
        try:
            await self._auditor.require_coarse("tap", who_of(scope), detail)
        except AuditError as error:
            return Refusal(503, error.message, error.hint)
        return self._refusal_of(scope)

    def _refusal_of(self, scope: Scope) -> Refusal | None:
        headers = dict(scope["headers"])
        if scope["type"] == ScopeType.WEBSOCKET:
            return refusal_of_socket(self.policy, scope["path"], headers)
        return refusal_of(self.policy, scope["path"], headers, str(scope.get("method", "")))

    async def end_sockets(self, reason: str) -> None:
        """Closes every WebSocket: what opened it counts no more.

        A client that does not read is not waited for: what it is sent next is this, or its connection is given up.
        """
        closing = {asyncio.create_task(_end(send, reason)) for send in self._sockets}
        if closing:
            _, deaf = await asyncio.wait(closing, timeout=LEAVE_SECONDS)
            self._deaf = {task for task in self._deaf | deaf if not task.done()}

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._sockets.add(send)
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets.discard(send)


async def _end(send: Send, reason: str) -> None:
    with contextlib.suppress(Exception):  # it was closing by itself
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})


def _while_there(send: Send) -> Send:
    """Sends to a client that may have gone: what was asked for is done all the same, and nobody waits for it."""

    async def sent(message: Message) -> None:
        try:  # noqa: SIM105  cheaper, and this is on the path of every event
            await send(message)
        except RuntimeError:  # uvloop's word for a connection that is closed
            pass

    return sent


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.message})
        return
    body = msgspec.json.encode({"error": refusal.message, "hint": refusal.hint})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
