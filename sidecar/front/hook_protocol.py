"""The short way of a hook through HTTP: what came whole is offered to the application at once, without a task."""

from functools import partial
from typing import Any

from sidecar.front.bounded_http import BoundedHttpProtocol

CLOSE = b"\r\nconnection: close\r\n"


class HookProtocol(BoundedHttpProtocol):
    """Offers a request whose body came along with its head to `take_now` of the application, where it has one.

    `take_now(scope, body, answer)` says whether it takes the request; then it calls `answer` with the whole response,
    once, from the event loop. What it does not take goes the ordinary way of ASGI, and so does everything unusual: a
    body that is still to come, a request that waited for the answer to another.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading = False
        self._held: tuple[Any, Any] | None = None
        """The cycle whose head has just been read, and its application."""

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; what is not whole after it goes the ordinary way."""
        self._reading = True
        super().data_received(data)
        self._reading = False
        self._start_held()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._reading and hasattr(app, "take_now"):
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        """The body is whole."""
        super().on_message_complete()
        if self._held is not None:
            cycle, app = self._held
            if app.take_now(cycle.scope, bytes(cycle.body), partial(self._answer, cycle)):
                self._held = None
            else:
                self._start_held()

    def _start_held(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            super()._start_asgi_task(*held)

    def _answer(self, cycle: Any, response: bytes) -> None:
        """Writes status line, headers and body at once; a client that has gone is not told."""
        if cycle.disconnected or self.transport.is_closing():
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(response if cycle.keep_alive else response.replace(b"\r\n", CLOSE, 1))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
