"""The answer to whom there is no room for: try again in a moment."""

from typing import Any

RETRY_AFTER_SECONDS = 1
BODY = b'{"error":"too much to do","hint":"try again in a moment"}'
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"retry-after", str(RETRY_AFTER_SECONDS).encode()),
    (b"connection", b"close"),
]
TURNED_AWAY = b"HTTP/1.1 503 Service Unavailable\r\n%s\r\n%s" % (
    b"".join(b"%s: %s\r\n" % pair for pair in HEADERS),
    BODY,
)
"""The same as bytes, for whom not even the request is read."""


async def turn_away(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001  an ASGI application
    """An ASGI application: 503 with `Retry-After`, and the connection ends."""
    await send({"type": "http.response.start", "status": 503, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})
