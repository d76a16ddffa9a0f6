"""Laws of the talk between front and worker."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar import wire
from sidecar.errors import QueryRefusedError, WorkerUnavailableError


async def answering(op: str, args: dict[str, Any]) -> Any:
    match op:
        case "echo":
            return args
        case "refuse":
            raise QueryRefusedError("no", hint="ask better")
        case "break":
            raise RuntimeError("hush")
        case _:
            await asyncio.sleep(60)
            return None


async def asked(data_dir: Path, op: str, args: dict[str, Any], seconds: float = 5) -> Any:
    """One question to a worker that listens in that directory."""
    server = await wire.serve(data_dir, answering)
    try:
        return msgspec.json.decode(await wire.ask(data_dir, op, args, seconds))
    finally:
        server.close()


def long(path: Path) -> Path:
    """A directory whose path is too long for a Unix socket."""
    deep = path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    return deep


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_an_answer_comes_back_whole(tmp_path: Path, size: int) -> None:
    """What is asked and answered may be large and is not changed."""
    args = {"text": "ä" * size, "n": [1, None, True]}

    assert args == asyncio.run(asked(tmp_path, "echo", args))


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    """Where the path is too long for a Unix socket, loopback TCP with a token takes its place."""
    assert {"a": 1} == asyncio.run(asked(long(tmp_path), "echo", {"a": 1}))


def test_an_error_comes_back_as_itself(tmp_path: Path) -> None:
    """Our errors keep class, message and hint."""
    with pytest.raises(QueryRefusedError, match="no") as refused:
        asyncio.run(asked(tmp_path, "refuse", {}))

    assert "ask better" == refused.value.hint


def test_a_question_without_memory_ends_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a query has left no memory to read the next question, that one has no answer, and nothing else fails."""

    async def lacking(_: asyncio.StreamReader) -> bytes:
        raise MemoryError

    async def ask() -> tuple[bytes, list[Any]]:
        heard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        server = await wire.serve(tmp_path, answering)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / wire.SOCKET_FILE))
        answer = await reader.read()
        writer.close()
        server.close()
        return answer, heard

    monkeypatch.setattr(wire, "_receive", lacking)
    assert (b"", []) == asyncio.run(ask())


def test_silence_is_an_error_in_time(tmp_path: Path) -> None:
    """A worker that does not answer is given up after the time that was allowed."""
    with pytest.raises(WorkerUnavailableError):
        asyncio.run(asked(tmp_path, "sleep", {}, seconds=0.05))


def test_nobody_there(tmp_path: Path) -> None:
    """Without a worker that is said, whether it never was or is gone."""
    with pytest.raises(wire.NoWorkerError):
        asyncio.run(wire.ask(tmp_path, "echo", {}, 1))

    asyncio.run(asked(tmp_path, "echo", {}))
    with pytest.raises(wire.NoWorkerError):
        asyncio.run(wire.ask(tmp_path, "echo", {}, 1))


@pytest.mark.parametrize(
    "address", [b"", b"[" * 10_000, b'{"port": 99999}', b'{"path": "a\\u0000b"}', b'{"path": "\xff"}']
)
def test_an_address_may_be_anything(tmp_path: Path, address: bytes) -> None:
    """A file that names no worker is as good as a worker that does not answer."""
    (tmp_path / wire.ADDRESS_FILE).write_bytes(address)

    with pytest.raises(WorkerUnavailableError):
        asyncio.run(wire.ask(tmp_path, "echo", {}, 1))


def test_who_does_not_know_the_token_is_not_answered(tmp_path: Path) -> None:
    """On TCP a question without the token gets no answer."""
    place = long(tmp_path)

    async def scenario() -> None:
        server = await wire.serve(place, answering)
        address = place / wire.ADDRESS_FILE
        stolen = msgspec.json.decode(address.read_bytes(), type=wire.Address)
        address.write_bytes(msgspec.json.encode(wire.Address(port=stolen.port, token="guess")))
        try:
            await wire.ask(place, "echo", {}, 5)
        finally:
            server.close()

    with pytest.raises(WorkerUnavailableError):
        asyncio.run(scenario())


@pytest.mark.parametrize("bytes_sent", [b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02{", b"\x00\x00\x00\x01x"])
def test_garbage_harms_nobody(tmp_path: Path, bytes_sent: bytes) -> None:
    """What is no question is dropped, and the next one is answered."""

    async def scenario() -> Any:
        server = await wire.serve(tmp_path, answering)
        _, writer = await asyncio.open_unix_connection(str(tmp_path / wire.SOCKET_FILE))
        writer.write(bytes_sent)
        writer.write_eof()
        await asyncio.sleep(0.05)
        writer.close()
        try:
            return msgspec.json.decode(await wire.ask(tmp_path, "echo", {"a": 1}, 5))
        finally:
            server.close()

    assert {"a": 1} == asyncio.run(scenario())


def test_files_are_private(tmp_path: Path) -> None:
    """Socket and address are their owner's only."""
    asyncio.run(asked(tmp_path, "echo", {}))

    assert 0o600 == (tmp_path / wire.ADDRESS_FILE).stat().st_mode & 0o777


def test_a_defect_is_told_by_its_kind_and_place(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What the worker did not foresee is an answer too, without its text, which may quote an event."""
    with pytest.raises(WorkerUnavailableError, match=r"RuntimeError at test_wire\.py:\d+") as caught:
        asyncio.run(asked(tmp_path, "break", {}))

    assert "hush" not in str(caught.value) + "".join(capfd.readouterr())


def test_a_message_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What claims to be larger than any message is not read: the one who asked is told that there is no answer."""
    monkeypatch.setattr(wire, "MAX_MESSAGE", 1000)
    with pytest.raises(WorkerUnavailableError):
        asyncio.run(asked(tmp_path, "echo", {"text": "x" * 2000}))
