"""The framework's own refusals in the shape of ours: no such route, wrong method, a bad parameter."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from sidecar.errors import AuditError, IngestError
from sidecar.front.receive.replies import error_body

HINT = "GET /schema lists every route with its parameters"


def audit_error(_request: Request[Any, Any, Any], error: AuditError) -> Response[bytes]:
    """What must be on record and could not be is not done: 503."""
    return Response(error_body(error), status_code=503, media_type=MediaType.JSON)


def http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """`{"error", "hint"}` with the framework's status and headers; never the value that was refused."""
    names = [str(one.get("key")) for one in error.extra or () if isinstance(one, dict) and one.get("key")]
    message = f"not usable: {', '.join(names)}" if names else error.detail
    body = msgspec.json.encode({"error": message, "hint": HINT})
    return Response(body, status_code=error.status_code, headers=error.headers, media_type=MediaType.JSON)


def ingest_error(_request: Request[Any, Any, Any], error: IngestError) -> Response[bytes]:
    """The same for a body that cannot be read, whatever route wanted it."""
    return Response(error_body(error), status_code=error.status, media_type=MediaType.JSON)
