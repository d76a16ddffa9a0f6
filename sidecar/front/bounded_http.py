"""uvicorn's HTTP protocol with bounds on everything that a client may do slowly, or too much of."""

from typing import Any

from sidecar.front.connections import Connections, Phase
from sidecar.front.offers import OfferPassingProtocol
from sidecar.front.overload import TURNED_AWAY

MAX_HEAD_BYTES = 64 * 1024
"""Of request line and headers; checked after each read, so one read's bytes may come on top."""
MAX_HEADERS = 128
FRAMING_PER_BYTE = 8
"""Bytes that say how a body is cut into chunks, for each of its own: six are what chunks of one byte take. What is
beyond that and `MAX_HEAD_BYTES` is an extension or a trailer without end."""
MAX_PIPELINED = 32
"""Requests that may wait behind the one that is being answered."""
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttpProtocol(OfferPassingProtocol):
    """Tells `connections` what it waits for, and hangs up when they say so.

    Answers 400 to a head that does not end within `MAX_HEAD_BYTES` or has more than `MAX_HEADERS` lines, and to a
    body that is nearly all framing; just hangs up on more than `MAX_PIPELINED` requests at once. Reads over trailers.
    """

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.received = 0
        self._all = connections
        self._phase: Phase | None = None
        self._bucket = connections.bucket()
        self._is_welcome: bool | None = None
        """Whether it may ask; None until it does."""
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._is_same = False
        """Whether this read goes on with the body that the one before did not end."""
        self._framing = 0
        """Bytes that the body may still waste; see `FRAMING_PER_BYTE`."""
        self._answered: Any = None
        """The request that is being answered, while others may wait behind it."""

    @property
    def is_held(self) -> bool:
        """Whether we have stopped reading."""
        return self.flow.read_paused

    def connection_made(self, transport: Any) -> None:
        """Comes in, or learns that there is no room."""
        super().connection_made(transport)
        self._phase = Phase.HEAD
        self._is_welcome = None if self._all.enter(self) else False

    def connection_lost(self, exc: Exception | None) -> None:
        """Makes room; whoever answers need not wonder why nobody listens."""
        self._leave()
        if self._answered is not None:
            self._answered.disconnected = True
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """From here on it is another protocol's."""
        self._leave()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request line begins."""
        self._in_head = True
        self._is_same = False
        self._head_bytes = self.received = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head; what stands behind a body changes nothing of what was asked."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins."""
        if len(self.headers) > MAX_HEADERS or len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many headers, or requests at once")  # the parser's way to say: 400
        self._in_head = False
        self._in_body = True
        self._framing = MAX_HEAD_BYTES
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body ends."""
        self._in_body = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, then looks whether the head has grown too long, and what is waited for now."""
        if not self._may_ask():
            self._turn_away()
            return
        self._is_same, had = self._in_body, self._held_bytes()
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")
        elif self._in_body:
            self.received += len(data)
            self._look_at_framing(len(data), self._held_bytes() - had)
        self._note()

    def on_response_complete(self) -> None:
        """The next request may come; not at once, when there were too many."""
        super().on_response_complete()
        self._go_on()

    def pause_writing(self) -> None:
        """The client does not read what it asked for."""
        super().pause_writing()
        self._note()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._note()

    def send_400_response(self, msg: str) -> None:
        """Answers, but never in the place of an answer that is still to come."""
        if self.transport.is_closing():
            return
        is_own = self._in_body and not self.pipeline
        if self.cycle is not None and not self.cycle.response_complete and not is_own:
            self.transport.abort()
            return
        super().send_400_response(msg)

    def hang_up(self, phase: Phase) -> None:
        """Ends the connection; whoever has sent a part of a head is told why."""
        self._phase = None
        if phase in {Phase.DEAF, Phase.BODY}:
            self.transport.abort()  # nobody reads what is left to be written
            return
        if phase is Phase.HEAD and self._in_head and not self.transport.is_closing():
            self.transport.write(TIMED_OUT)
        self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _held_bytes(self) -> int:
        return len(self.cycle.body) if self._in_body and self.cycle is not None else 0

    def _look_at_framing(self, size: int, content: int) -> None:
        """The parser keeps a trailer, and reads a chunk's extension, however long it is."""
        if not self._is_same or self.cycle is None or self.cycle.response_complete:  # then the rest is thrown away
            return
        self._framing += (1 + FRAMING_PER_BYTE) * content - size
        if self._framing < 0 and not self.transport.is_closing():
            self.send_400_response("The body of the request is all framing.")

    def _may_ask(self) -> bool:
        if self._is_welcome is None:
            self._is_welcome = self._all.admit()
        return self._is_welcome

    def _turn_away(self) -> None:
        """Whatever was asked: later."""
        if not self.transport.is_closing():
            self.transport.write(TURNED_AWAY)
            self.transport.close()

    def _note(self) -> None:
        phase = self._waits_for()
        if phase is not self._phase and self._phase is not None:
            self._phase = phase
            self._all.move(self, phase)

    def _waits_for(self) -> Phase:
        if self.flow.write_paused:
            return Phase.DEAF
        if self._in_head:
            return Phase.HEAD
        if self._in_body:
            return Phase.BODY
        return Phase.IDLE if self.cycle is None or self.cycle.response_complete else Phase.BUSY

    def _go_on(self) -> bool:
        """After an answer; whether the next request must wait."""
        self._note()
        wait = self._all.debt(self._bucket)
        if not wait or self.transport.is_closing():
            return False
        self.flow.pause_reading()
        self.loop.call_later(wait, self._read_on)
        return True

    def _leave(self) -> None:
        self._phase = None
        self._all.leave(self)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
