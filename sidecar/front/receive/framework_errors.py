"""The framework's own refusals in the shape of ours: no such route, wrong method, a bad parameter."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from sidecar.errors import AuditError, IngestError
from sidecar.front.receive.replies import refusal

HINT = "GET /schema lists every route with its parameters"


def audit_error(_request: Request[Any, Any, Any], error: AuditError) -> Response[bytes]:
    """What must be on record and could not be is not done: 503."""
    return refusal(error)


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """`{"error", "hint"}` with the framework's status and headers; never the value that was refused."""
    faults = [one for one in error.extra or () if isinstance(one, dict) and one.get("key")]
    told = [_told(str(one["key"]), str(one.get("message")), request.scope.get("route_handler")) for one in faults]
    message = f"not usable: {'; '.join(told)}" if told else error.detail
    body = msgspec.json.encode({"error": message, "hint": HINT})
    return Response(body, status_code=error.status_code, headers=error.headers, media_type=MediaType.JSON)


def _told(key: str, complaint: str, handler: Any) -> str:
    """What is wrong with a parameter or a field; `data` is the framework's name for the whole body."""
    if key == "data":
        return _body_of(handler)
    wanted = handler.parsed_fn_signature.parameters.get(key)
    limits = wanted.kwarg_definition if wanted else None
    if limits and limits.ge is not None and limits.le is not None:
        return f"{key} is a number from {limits.ge} to {limits.le}"
    # Only msgspec's words on types: others quote what was given.
    return f"{key}: e{complaint[1:]}" if complaint.startswith("Expected ") else key


def _body_of(handler: Any) -> str:
    """Which body a route takes, from its declaration."""
    wanted = handler.parsed_data_field
    fields = msgspec.structs.fields(wanted.annotation) if wanted else ()
    needed = [field.name for field in fields if field.required]
    others = [field.name for field in fields if not field.required]
    needs = f"the body is a JSON object with {', '.join(needed)}" if needed else "the body is a JSON object"
    return f"{needs}; it may have {', '.join(others)}" if others else f"{needs} and nothing else"


def ingest_error(_request: Request[Any, Any, Any], error: IngestError) -> Response[bytes]:
    """The same for a body that cannot be read, whatever route wanted it."""
    return refusal(error)
