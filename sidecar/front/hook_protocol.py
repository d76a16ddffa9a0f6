"""The short way of a hook through HTTP: a known head and a whole body are taken at once, without parser and task."""

from typing import Any

from sidecar.front.bounded_http import BoundedHttpProtocol
from sidecar.front.connections import Phase
from sidecar.front.known_heads import KnownHeads, Parts, parts_of

CLOSE = b"\r\nconnection: close\r\n"


class HookProtocol(BoundedHttpProtocol):
    """Takes what `heads` know between two requests; everything else goes the ordinary way of ASGI.

    What comes while such an event is being answered waits until it is.
    """

    def __init__(self, *args: Any, heads: KnownHeads, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads = heads
        self._taken = False
        """An event that came the short way is being answered."""
        self._later = b""
        self._is_last = False

    def data_received(self, data: bytes) -> None:
        """Takes it, holds it back, or feeds the parser and learns from what it found."""
        if self._taken or self._later:
            self._later += data
            self.flow.pause_reading()
            return
        parts = parts_of(data) if self._is_between_requests() else None
        if parts is None or not self._take(parts):
            super().data_received(data)
            if parts is not None and self._is_whole():
                self._heads.learn(parts, self.scope)

    def shutdown(self) -> None:
        """Closes; after the answer, when one is under way."""
        if self._taken:
            self._is_last = True
        else:
            super().shutdown()

    def _is_between_requests(self) -> bool:
        return self._may_ask() and self._waits_for() is Phase.IDLE and not self.transport.is_closing()

    def _is_whole(self) -> bool:
        """Whether the parser has read to the end of a request, after which another may come."""
        is_read = not self._in_head and not self._in_body and not self.transport.is_closing()
        return is_read and self.cycle is not None and self.cycle.keep_alive

    def _take(self, parts: Parts) -> bool:
        take = self._heads.get(parts.key)
        if take is None or not take(parts.body, self._answer):
            return False
        self._taken = True
        self._unset_keepalive_if_required()
        self._note()
        return True

    def _waits_for(self) -> Phase:
        return Phase.BUSY if self._taken and not self.flow.write_paused else super()._waits_for()

    def _answer(self, response: bytes) -> None:
        """Writes status line, headers and body at once; a client that has gone is not told."""
        self._taken = False
        if self.transport.is_closing():
            return
        self.transport.write(response.replace(b"\r\n", CLOSE, 1) if self._is_last else response)
        self.server_state.total_requests += 1
        if self._is_last:
            self.transport.close()
        elif not self._go_on() and self._later:
            self._read_on()

    def _read_on(self) -> None:
        super()._read_on()
        later, self._later = self._later, b""
        if later and not self.transport.is_closing():
            self.data_received(later)
