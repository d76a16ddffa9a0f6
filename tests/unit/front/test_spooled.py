"""Laws of the spool: what a forwarder kept is taken in, what cannot be is counted, and neither stops the others."""

import asyncio
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from sidecar import private, spool
from sidecar.errors import BadRequestError
from sidecar.front import spooled
from sidecar.front.processor import HookEventProcessor
from sidecar.front.spooled import SpoolIntake
from sidecar.intake import Incoming

WHOLE = '{"event_id": "e", "forwarded_at": 1, "session_id": "s"}'


class Processor:
    """Takes what it is given, or nothing."""

    def __init__(self, *, takes: bool) -> None:
        self._takes = takes
        self.taken: list[str | None] = []
        self.dropped = 0

    async def process_spooled(self, incoming: Incoming, _: Any) -> None:
        """Takes or refuses."""
        if not self._takes:
            raise BadRequestError("no", hint="none")
        self.taken.append(incoming.event_id)

    def drop_spooled(self) -> None:
        """Counts."""
        self.dropped += 1


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spool with one event, the last by its name."""
    monkeypatch.setattr(spooled, "UNDER_WAY_SECONDS", -60.0)
    spool.keep(tmp_path, {"event_id": "z", "forwarded_at": 1, "session_id": "s"})
    return tmp_path / spool.FOLDER


def intake(folder: Path, processor: Processor) -> SpoolIntake:
    return SpoolIntake(folder.parent, cast("HookEventProcessor", processor))


@pytest.mark.parametrize("content", ["{", "[" * spool.MAX_BYTES, '{"event_id": "e", "forwarded_at": -1}'])
def test_what_is_no_event_is_counted(folder: Path, content: str) -> None:
    """A file that holds no event goes with a count, and blocks nothing."""
    (folder / "a.json").write_text(content)
    processor = Processor(takes=True)

    assert 2 == asyncio.run(intake(folder, processor).take_in())

    assert (["z"], 1, []) == (processor.taken, processor.dropped, list(folder.iterdir()))


def test_a_link_to_nothing_hides_no_event(folder: Path) -> None:
    """It is counted as any other file that holds no event."""
    (folder / "a.json").symlink_to(folder / "nothing")
    processor = Processor(takes=True)

    assert 2 == asyncio.run(intake(folder, processor).take_in())
    assert (["z"], 1, []) == (processor.taken, processor.dropped, list(folder.iterdir()))


def test_an_event_that_is_refused_is_counted(folder: Path) -> None:
    """It would be refused again, so it goes."""
    processor = Processor(takes=False)

    assert 1 == asyncio.run(intake(folder, processor).take_in())

    assert (1, []) == (processor.dropped, list(folder.iterdir()))


def in_place(path: Path) -> None:
    path.mkdir()


def with_odd_bytes(path: Path) -> None:
    path.with_name(os.fsdecode(b"a\xff.json")).mkdir()


@pytest.mark.parametrize("put", [in_place, with_odd_bytes])
def test_what_cannot_be_removed_is_told_and_blocks_nothing(folder: Path, put: Callable[[Path], None]) -> None:
    """It is counted once, however often it is met, and goes as soon as it can."""
    put(folder / "a.json")
    processor = Processor(takes=True)
    looking = intake(folder, processor)
    for _ in range(3):
        with pytest.raises(OSError, match="stays in the spool"):
            asyncio.run(looking.take_in())
    assert (["z"], 1) == (processor.taken, processor.dropped)

    for left in folder.iterdir():
        left.rmdir()
    assert 0 == asyncio.run(looking.take_in())


def test_an_event_is_taken_once_though_its_file_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be written costs neither the event nor its being counted once."""
    processor = Processor(takes=True)
    looking = intake(folder, processor)
    with monkeypatch.context() as closed:
        closed.setattr(Path, "unlink", refuse)
        for _ in range(2):
            with pytest.raises(PermissionError):
                asyncio.run(looking.take_in())

    assert 1 == asyncio.run(looking.take_in())
    assert (["z"], []) == (processor.taken, list(folder.iterdir()))


def refuse(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_file_that_cannot_be_read_now_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many open files a spooled event stays for later; it is not taken for one that is unusable."""
    processor = Processor(takes=True)
    looking = intake(folder, processor)
    with monkeypatch.context() as short:
        short.setattr(private, "read", too_many_files)
        with pytest.raises(OSError, match="Too many open files"):
            asyncio.run(looking.take_in())
    assert 0 == processor.dropped

    assert 1 == asyncio.run(looking.take_in())
    assert ["z"] == processor.taken


def too_many_files(*_: Any) -> bytes:
    raise OSError(errno.EMFILE, "Too many open files")


def test_a_spool_that_is_no_folder_is_told(folder: Path) -> None:
    """Events that cannot even be looked for are not nothing."""
    (folder / "z.json").unlink()
    folder.rmdir()
    folder.write_text(json.dumps({}))

    with pytest.raises(NotADirectoryError):
        asyncio.run(intake(folder, Processor(takes=True)).take_in())


@pytest.mark.parametrize(("content", "taken", "dropped"), [("{", [], 1), (WHOLE, ["e"], 0)])
def test_what_a_forwarder_only_began_goes(folder: Path, content: str, taken: list[str], dropped: int) -> None:
    """One that is ended while it writes leaves a draft, for which nobody else looks: it is taken in, or counted."""
    (folder / "z.json").unlink()
    for name in (".began", ".under-way"):
        (folder / name).write_text(content)
    os.utime(folder / ".began", (0, 0))
    processor = Processor(takes=True)

    asyncio.run(intake(folder, processor).take_in())

    assert (taken, dropped) == (processor.taken, processor.dropped)
    assert [folder / ".under-way"] == list(folder.iterdir())
