"""The short way of a hook through HTTP: one at a time, in order, and to the end."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from sidecar.front.connections import ConnectionLimits, Connections
from sidecar.front.hook_protocol import HookProtocol
from sidecar.front.known_heads import Answer, KnownHeads, parts_of

HEAD = b"POST /api/v1/hooks/claude-code HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"
HEADERS = [(b"host", b"localhost"), (b"content-length", b"3")]
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
LIMITS = ConnectionLimits(connections=10, busy=10, per_connection=1000, overall=1000, slow_seconds=10.0)


class Transport(asyncio.Transport):
    """A client's socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = self.paused = False

    def write(self, data: Any) -> None:
        """Notes it."""
        self.written.append(bytes(data))

    def close(self) -> None:
        """Notes it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Notes it."""
        self.paused = True

    def resume_reading(self) -> None:
        """Notes it."""
        self.paused = False


class Hooks:
    """Takes every body under the known head, and answers when it is told to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._answers: list[Answer] = []

    def take(self, body: bytes, answer: Answer) -> bool:
        """Takes it."""
        self.bodies.append(body)
        self._answers.append(answer)
        return True

    def answer(self) -> None:
        """Answers the oldest."""
        self._answers.pop(0)(NO_CONTENT)


def with_connection(happens: Callable[[HookProtocol, Hooks, Transport], None]) -> None:
    """One connection whose head is known already."""

    async def run() -> None:
        hooks, transport = Hooks(), Transport()
        heads = KnownHeads(lambda _: hooks.take)
        parts = parts_of(HEAD + b"abc")
        assert parts
        heads.learn(parts, {"headers": HEADERS})
        config = uvicorn.Config(lambda *_: None, log_config=None)
        config.load()
        connections = Connections(LIMITS)
        protocol = HookProtocol(
            config=config, server_state=ServerState(), app_state={}, connections=connections, heads=heads
        )
        protocol.connection_made(transport)
        happens(protocol, hooks, transport)
        protocol.connection_lost(None)

    asyncio.run(run())


def test_the_next_waits_for_the_answer() -> None:
    """What comes while an event is being committed is held back, not read on and not lost; then it is its turn."""

    def happens(protocol: HookProtocol, hooks: Hooks, transport: Transport) -> None:
        protocol.data_received(HEAD + b"one")
        protocol.data_received(HEAD + b"two")
        assert ([b"one"], True) == (hooks.bodies, transport.paused)

        hooks.answer()
        assert ([b"one", b"two"], [NO_CONTENT], False) == (hooks.bodies, transport.written, transport.paused)
        hooks.answer()
        assert [NO_CONTENT] * 2 == transport.written

    with_connection(happens)


def test_a_stop_waits_for_the_answer_and_says_so() -> None:
    """A server that stops answers what it has taken, with a word that this connection ends, and then ends it."""

    def happens(protocol: HookProtocol, hooks: Hooks, transport: Transport) -> None:
        protocol.data_received(HEAD + b"one")
        protocol.shutdown()
        assert not transport.closed

        hooks.answer()
        assert [b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"] == transport.written
        assert transport.closed

    with_connection(happens)


def test_a_client_that_has_gone_is_not_told() -> None:
    """Its event is durable all the same; nothing is written to a closed socket."""

    def happens(protocol: HookProtocol, hooks: Hooks, transport: Transport) -> None:
        protocol.data_received(HEAD + b"one")
        transport.close()
        hooks.answer()
        assert [] == transport.written

    with_connection(happens)
