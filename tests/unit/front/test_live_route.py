"""Laws of the live route that need no sidecar."""

from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from sidecar.front.live.hub import LiveHub
from sidecar.front.live.websocket import TRY_AGAIN, live_route
from sidecar.paths import TAP


@pytest.mark.parametrize("page", [b"[]", b"{}", b"no page"])
def test_a_page_that_is_none_ends_the_connection(page: bytes) -> None:
    """A client that nothing more can be told is not left waiting for ever: it is told to come again."""

    async def ask(*_: Any) -> msgspec.Raw:
        return msgspec.Raw(page)

    app = Litestar([live_route(LiveHub(), ask, lambda: 5, 1)], openapi_config=None)
    with TestClient(app) as client, client.websocket_connect(f"{TAP}?after=0") as socket:
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text(timeout=10)
        assert TRY_AGAIN == ended.value.code
