"""`POST /api/v1/observability/hook-events`: the integration guide's format and answer, one event or many."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from sidecar.agents import guide
from sidecar.errors import BadRequestError, IngestError, TooLargeError
from sidecar.events import HookEvent
from sidecar.front.processor import LARGE_BODY_BYTES, HookEventProcessor
from sidecar.front.receive import replies
from sidecar.front.receive.batch import incoming_events, with_ids
from sidecar.front.receive.body import (
    DisconnectedError,
    Oversize,
    idempotency_key,
    media_type,
    metadata_of,
    read_body,
)
from sidecar.intake import Incoming
from sidecar.paths import API

Received = tuple[bytes, list[Incoming | BadRequestError] | None]
"""A body, and its events when it has many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bodies in bytes; thresholds of the performance warnings in milliseconds and kilobytes."""

    body_bytes: int
    batch_bytes: int
    slow_tool_ms: float
    large_result_kb: float


def guide_route(processor: HookEventProcessor, limits: Limits) -> HTTPRouteHandler:
    """The handler of the guide's ingest route."""

    @post(f"{API}/hook-events", status_code=200, summary="Take one event, or an array or NDJSON of many")
    async def hook_events(request: Request[Any, Any, Any]) -> Response[Any]:
        started = time.perf_counter()
        try:
            body, many = await _received(request, processor, limits)
            key = idempotency_key(request.headers.get("idempotency-key"))
            if many is not None:
                return await _take_many(with_ids(many, key), processor, limits, started)
            return Response(await _take(body, key, processor, limits, started))
        except IngestError as error:
            return Response(replies.failed(error, _since(started)), status_code=error.status)

    return hook_events


async def _received(request: Request[Any, Any, Any], processor: HookEventProcessor, limits: Limits) -> Received:
    """The body, and its events when it has many; what is refused before it is known how many it has counts as one."""
    try:
        kind = media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        body = await read_body(request.receive, limits.batch_bytes)
        if isinstance(body, Oversize):
            raise TooLargeError(
                f"the body has {body.size_bytes} bytes, the limit is {limits.batch_bytes}",
                hint="send smaller batches",
            )
        return body, await _told_apart(body, kind)
    except DisconnectedError:  # nobody waits for an answer, and there was no event yet
        raise
    except IngestError:
        processor.refused()
        raise


async def _take(
    body: bytes, key: str | None, processor: HookEventProcessor, limits: Limits, started: float
) -> dict[str, Any]:
    if len(body) > limits.body_bytes:
        left = metadata_of(Oversize(body, body, len(body)))
        event = await processor.process_metadata(left, len(body), guide.normalise, key)
    else:
        event = await processor.process(body, guide.normalise, key, began_ns=int(started * 1e9))
    return _reply(event, limits, started)


async def _told_apart(body: bytes, kind: str) -> list[Incoming | BadRequestError] | None:
    """The events of a body with many, decoded on a thread when it is large; None when it is one event."""
    if len(body) < LARGE_BODY_BYTES:
        return incoming_events(body, kind)
    return await asyncio.to_thread(incoming_events, body, kind)


async def _take_many(
    many: list[Incoming | BadRequestError], processor: HookEventProcessor, limits: Limits, started: float
) -> Response[Any]:
    """One commit for all; `{"results": [...]}` in the order of the events, each in the guide's shape.

    When none was taken the status says so: whoever looks at nothing else must not believe them safe.
    """
    good = [one for one in many if isinstance(one, Incoming)]
    processor.refused(len(many) - len(good))
    taken = iter(await processor.process_many(good, guide.normalise))
    answers = [next(taken) if isinstance(one, Incoming) else one for one in many]
    results = [
        replies.failed(one, _since(started)) if isinstance(one, IngestError) else _reply(one, limits, started)
        for one in answers
    ]
    refused = [one.status for one in answers if isinstance(one, IngestError)]
    is_none_taken = bool(refused) and len(refused) == len(results)
    told = {
        "status": "failed" if is_none_taken else "processed",
        "processed": len(results) - len(refused),
        "failed": len(refused),
        "processing_time_ms": round(_since(started), 3),
        "results": results,
    }
    return Response(told, status_code=max(refused) if is_none_taken else 200)


def _reply(event: HookEvent, limits: Limits, started: float) -> dict[str, Any]:
    warnings = replies.performance_warnings(event, limits.slow_tool_ms, limits.large_result_kb)
    return replies.processed(event, _since(started), warnings)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
