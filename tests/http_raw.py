"""HTTP requests that arrive to the byte as a test wrote them, which a polite client would correct or refuse."""

import contextlib
import http.client
from collections.abc import Iterator, Mapping

import httpx

SECONDS = 60.0
"""Until a request that is not answered is an error: longer than any question may take."""


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """One request on a connection of its own: `path` unresolved, an iterator in chunks, headers as Latin-1.

    Raises:
        OSError: nobody listens, or the connection broke before the answer.
        http.client.HTTPException: the answer is no HTTP.
    """
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        found = connection.getresponse()
        return httpx.Response(found.status, headers=found.getheaders(), content=found.read())
