"""How front and worker talk: one question per connection over a local socket in the data directory.

A message is four bytes of length (big endian) and that much JSON. The socket is a Unix socket of mode 0600; where
there are none, or the path is too long for one, it is loopback TCP and every question carries a token. `worker.json`
(0600) in the data directory says which.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from sidecar import errors, private
from sidecar.errors import LeanvibeError, WorkerUnavailableError, said_of

ADDRESS_FILE = "worker.json"
SOCKET_FILE = "worker.sock"
WORD_FILE = "worker.ending"
MAX_WORD_BYTES = 1000
MAX_MESSAGE = 96 * 1024 * 1024
MAX_UNIX_PATH = 100
"""Bytes; the system's own limit is 104 (macOS) or 108 (Linux)."""


class NoWorkerError(WorkerUnavailableError):
    """Nobody listens: the worker is not up yet, or not any more. Nothing was asked."""


class Address(msgspec.Struct):
    """Where the worker listens: a Unix socket's path, or a TCP port of loopback with its token."""

    path: str | None = None
    port: int | None = None
    token: str = ""


class Question(msgspec.Struct):
    """An operation by name, with its arguments."""

    op: str
    args: dict[str, Any] = {}
    token: str = ""


class Answer(msgspec.Struct, omit_defaults=True):
    """Either what was asked for, or the class name, message and hint of one of our errors."""

    ok: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    message: str = ""
    hint: str = ""


GONE = (OSError, EOFError, RuntimeError)
"""What a closed stream raises. RuntimeError is uvloop's word for one that was closed before the first write."""
UNANSWERED = (*GONE, msgspec.MsgspecError, MemoryError)
"""Ends a question without an answer: nobody is there, it is foreign, or a query has left no memory to read it."""

Handler = Callable[[str, dict[str, Any]], Awaitable[Any]]
_encoder = msgspec.json.Encoder()


async def serve(data_dir: Path, handler: Handler) -> asyncio.Server:
    """Listens in `data_dir` and answers every question with what `handler(op, args)` gives or raises."""
    address, listener = _listen(data_dir)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(*UNANSWERED):  # the front sees an end without answer
            question = msgspec.json.decode(await _receive(reader), type=Question)
            if hmac.compare_digest(question.token.encode(), address.token.encode()):
                await _send(writer, _encoder.encode(await _answer(handler, question)))

    server = await asyncio.start_server(answer, sock=listener)
    private.replace(data_dir / ADDRESS_FILE, _encoder.encode(address))
    return server


async def ask(data_dir: Path, op: str, args: dict[str, Any], seconds: float) -> msgspec.Raw:
    """The worker's answer as JSON bytes.

    Raises:
        WorkerUnavailableError: it does not answer within `seconds`.
        LeanvibeError: the error that the worker answered, as the class that it is.
    """
    try:
        async with asyncio.timeout(seconds):
            body = await _exchange(data_dir, op, args)
        answer = msgspec.json.decode(body, type=Answer)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoWorkerError("the worker is not up", hint="it is started by itself; try again in a moment") from None
    except (*GONE, ValueError, OverflowError, msgspec.MsgspecError) as error:  # an address file may hold anything
        raise WorkerUnavailableError(
            f"the worker does not answer ({type(error).__name__})", hint="it is started again by itself; try again"
        ) from error
    if answer.error is not None:
        raise _error_class(answer.error)(answer.message, hint=answer.hint)
    return answer.ok


def leave_word(data_dir: Path, reason: str) -> None:
    """Leaves the front the reason of a worker that ends. On a full disk the front only learns the exit code."""
    with contextlib.suppress(OSError):
        private.replace(data_dir / WORD_FILE, reason.encode(errors="replace")[:MAX_WORD_BYTES])


def last_word(data_dir: Path) -> str | None:
    """What a worker that has ended left, once."""
    try:
        word = private.read(data_dir / WORD_FILE, MAX_WORD_BYTES).decode(errors="replace")
        (data_dir / WORD_FILE).unlink()
    except OSError:
        return None
    return word or None


async def _exchange(data_dir: Path, op: str, args: dict[str, Any]) -> bytes:
    address = msgspec.json.decode(private.read(data_dir / ADDRESS_FILE), type=Address)
    if address.path:
        reader, writer = await asyncio.open_unix_connection(address.path)
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    try:
        await _send(writer, _encoder.encode(Question(op, args, address.token)))
        return await _receive(reader)
    finally:
        writer.close()


async def _answer(handler: Handler, question: Question) -> Answer:
    try:
        return Answer(ok=msgspec.Raw(_encoder.encode(await handler(question.op, question.args))))
    except LeanvibeError as error:
        return Answer(error=type(error).__name__, message=error.message, hint=error.hint)
    except Exception as error:  # noqa: BLE001  a defect, or memory ran out; its text may quote an event
        said = f"the worker failed on it: {said_of(error)}"
        return Answer(error=WorkerUnavailableError.__name__, message=said, hint="try again")


def _error_class(name: str) -> type[LeanvibeError]:
    found = getattr(errors, name, LeanvibeError)
    return found if isinstance(found, type) and issubclass(found, LeanvibeError) else LeanvibeError


def _listen(data_dir: Path) -> tuple[Address, socket.socket]:
    path = str(data_dir / SOCKET_FILE)
    if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= MAX_UNIX_PATH:
        (data_dir / SOCKET_FILE).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        (data_dir / SOCKET_FILE).chmod(0o600)
        return Address(path=path), listener
    listener = socket.create_server(("127.0.0.1", 0))
    return Address(port=listener.getsockname()[1], token=secrets.token_urlsafe(32)), listener


async def _send(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(len(body).to_bytes(4, "big") + body)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > MAX_MESSAGE:
        raise EOFError("message too long")
    return await reader.readexactly(size)
