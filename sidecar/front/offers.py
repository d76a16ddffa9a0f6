"""Requests that offer to go on in another protocol, such as HTTP/2, are read as the requests that they are."""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

UPGRADE = b"upgrade"


class OfferPassingProtocol(HttpToolsProtocol):
    """Goes on in HTTP/1.1 whatever a client offers, but for a WebSocket: RFC 9110, 7.8, lets a server pass over it.

    Java's own client, say, offers HTTP/2 with its first request. The parser ends a message that makes an offer with
    its head, and would take its body for the next request. So it gets such a head once more, without the offer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._passed_over: bytes | None = None
        """The head that the parser gets once more."""

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        self._unset_keepalive_if_required()
        while data:
            data = self._fed(data)

    def on_headers_complete(self) -> None:
        """A request begins, unless its head is read once more."""
        if self.parser.should_upgrade() and not self._should_upgrade() and UPGRADE in dict(self.headers):
            self._passed_over = self._head_without_offer()
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request ends, unless its head is read once more."""
        if self._passed_over is None:
            super().on_message_complete()

    def _fed(self, data: bytes) -> bytes:
        """Gives the parser what was read; what it is to get once more."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as end:
            if self._passed_over is not None:
                head, self._passed_over = self._passed_over, None
                return head + data[end.args[0] :]
            if self._should_upgrade():
                self.handle_websocket_upgrade()
        return b""

    def _head_without_offer(self) -> bytes:
        line = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [name + b": " + value for name, value in self.headers if name != UPGRADE]
        return b"\r\n".join([line, *lines, b"", b""])
