"""`GET /schema`: the OpenAPI document."""

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from sidecar.front.document import document


def document_route() -> HTTPRouteHandler:
    """The handler; the document is encoded once."""
    encoded = msgspec.json.encode(document())

    @get(["/schema", "/schema/openapi.json"])
    async def schema() -> Response[bytes]:
        return Response(encoded, media_type=MediaType.JSON)

    return schema
