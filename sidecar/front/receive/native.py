"""`POST /api/v1/hooks/{agent}`: native payloads, answered with an empty 204 once durable.

It is on the agent's critical path: it stands before the framework's routing, and the client gets status and end in
one write.
"""

import time
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from sidecar.agents import normaliser_of
from sidecar.errors import IngestError
from sidecar.front.admission import FREE_BYTES
from sidecar.front.known_heads import Answer, Take
from sidecar.front.processor import HookEventProcessor
from sidecar.front.receive.body import (
    DisconnectedError,
    Oversize,
    idempotency_key,
    media_type,
    metadata_of,
    read_body,
)
from sidecar.front.receive.replies import error_body
from sidecar.paths import CLAUDE_CODE, HOOKS

TREE = HOOKS + "/"
BESIDE = {
    b"x-leanvibe-agent-id": "agent_id",
    b"x-leanvibe-agent-name": "agent_name",
    b"x-leanvibe-session-id": "session_id",
    b"x-leanvibe-event": "event",
}
ENABLE = b"x-leanvibe-enable"
IDEMPOTENCY_KEY = b"idempotency-key"
_OF_ONE_EVENT = frozenset({ENABLE, IDEMPOTENCY_KEY})
"""What such a header says may be another thing for each event."""
OFF = frozenset({b"false", b"0", b"no", b"off"})
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
_START_204 = {"type": "http.response.start", "status": 204, "headers": []}
_EMPTY = {"type": "http.response.body", "body": b""}


class NativeHooks:
    """Answers every agent's native payloads, and passes all else on.

    Args:
        app: what answers all other requests.
        processor: makes events durable.
        max_body_bytes: of a larger body only the ids are kept.
    """

    def __init__(self, app: ASGIApp, processor: HookEventProcessor, max_body_bytes: int) -> None:
        self._app = app
        self._processor = processor
        self._max_body_bytes = max_body_bytes

    def taker_of(self, scope: HTTPScope, headers: Mapping[bytes, bytes]) -> Take | None:
        """What takes the bodies of requests with this head, when nothing is unusual about it."""
        if scope["method"] != "POST" or not _is_ours(scope["path"]) or not _OF_ONE_EVENT.isdisjoint(headers):
            return None
        if self._max_body_bytes < FREE_BYTES:  # a body under a known head may have as much
            return None
        try:
            normalise = normaliser_of(_agent(scope["path"]))
            media_type(headers.get(b"content-type"), headers.get(b"content-encoding"))
        except IngestError:  # the ordinary way tells why
            return None
        take, beside = self._processor.take_now, beside_of(headers)
        return lambda body, answer: take(body, normalise, beside, partial(_tell, answer))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes the event, or passes the request on."""
        if scope["type"] != ScopeType.HTTP or not _is_ours(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            await take(scope, receive, self._processor, self._max_body_bytes)
        except DisconnectedError:
            return
        except IngestError as error:
            await refuse(send, error)
            return
        await send(_START_204)  # type: ignore[arg-type]
        await send(_EMPTY)  # type: ignore[arg-type]


async def take(scope: HTTPScope, receive: Receive, processor: HookEventProcessor, max_body_bytes: int) -> None:
    """Makes the event of one native request durable.

    Raises:
        IngestError: it was not taken; `status` says how to answer.
    """
    began = time.perf_counter_ns()
    if scope["method"] != "POST":
        raise MethodNotAllowedError("hooks are posted", hint=f"POST {CLAUDE_CODE}")
    headers = dict(scope["headers"])
    try:
        normalise = normaliser_of(_agent(scope["path"]))
        if headers.get(ENABLE, b"").strip().lower() in OFF:
            processor.leave_out()
            return
        media_type(headers.get(b"content-type"), headers.get(b"content-encoding"))
        body = await read_body(receive, max_body_bytes)
    except DisconnectedError:  # nobody waits for an answer, and there was no event yet
        raise
    except IngestError:
        processor.refused()
        raise
    key = idempotency_key(headers.get(IDEMPOTENCY_KEY))
    if isinstance(body, Oversize):
        await processor.process_metadata(metadata_of(body), body.size_bytes, normalise, key)
    else:
        await processor.process(body, normalise, key, beside_of(headers), began_ns=began)


def _is_ours(path: str) -> bool:
    return path.startswith(TREE) or path == HOOKS


def _agent(path: str) -> str:
    return path.removeprefix(HOOKS).strip("/")


def _tell(answer: Answer, error: IngestError | None) -> None:
    answer(NO_CONTENT if error is None else refusal(error))


def beside_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """What the hooks' headers tell beside the payload; a variable that was not set came as an empty one.

    Whole, for it is not redacted yet: of a secret that is cut no rule would know the rest. The head has a bound.
    """
    if BESIDE.keys().isdisjoint(headers):
        return {}
    given = {name: _text(headers.get(header, b"")) for header, name in BESIDE.items()}
    return {name: value for name, value in given.items() if value}


def _text(value: bytes) -> str:
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


class MethodNotAllowedError(IngestError):
    """Only POST is taken here."""

    status = 405


def refusal(error: IngestError) -> bytes:
    """The same as a whole response."""
    body = error_body(error)
    line = b"HTTP/1.1 %d %s\r\n" % (error.status, HTTPStatus(error.status).phrase.encode())
    return line + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def refuse(send: Send, error: IngestError) -> None:
    """Answers with the error's status and a JSON body that says what and what to do."""
    body = error_body(error)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if isinstance(error, MethodNotAllowedError):
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
