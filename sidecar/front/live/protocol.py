"""uvicorn's WebSocket protocol for a feed: what clients say is not kept, who does not listen is not waited for."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class FeedProtocol(WebSocketsSansIOProtocol):
    """Lets messages go as they come in, reads from no client that does not read, and ends those that stay deaf."""

    def handle_text(self, event: Any) -> None:
        """Nothing that a client says is for us."""

    handle_bytes = handle_cont = handle_text

    def data_received(self, data: bytes) -> None:
        """Pings are answered, but not without end to a client that reads no answer."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_complete:
            self._refuse()
        if not self.writable.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again, so do we."""
        super().resume_writing()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def keepalive_timeout(self) -> None:
        """What waits for a client that does not answer will never be written."""
        super().keepalive_timeout()
        self.transport.abort()

    def handle_parser_exception(self) -> None:
        """Says what was wrong; if nobody reads it, ends at once."""
        super().handle_parser_exception()
        if not self.writable.is_set():
            self.transport.abort()

    def _refuse(self) -> None:
        """Answers what was no handshake (one with a body, say): uvicorn has no answer to it, and cannot end it."""
        self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()) or NO_HANDSHAKE)
        self.transport.close()
