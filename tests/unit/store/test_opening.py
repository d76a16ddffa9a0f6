"""Laws of opening: a broken store never stops the worker, is never thrown away, and is never taken for a busy one."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from sidecar.errors import StoreError
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.opening import MAX_DEATHS, broken_note, needs_more_memory, open_store
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import UnreadableStoreError
from tests.recorded_events import recorded_events


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """A store with three events, closed."""
    path = tmp_path / "store.duckdb"
    store = Store(path, memory_mb=64)
    store.load(recorded_events(3), Notes())
    store.close()
    return path


def events_in(path: Path) -> int:
    store = open_store(path, 64)
    try:
        return int(store.fetch("SELECT count(*) FROM events")[0][0])
    finally:
        store.close()


def broken_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob("store.duckdb.broken-*"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"no database" * 1000, id="another file"),
        pytest.param(lambda content: content[:6000], id="cut off"),
        pytest.param(lambda content: content[:4096] + bytes(8192) + content[12288:], id="headers gone"),
    ],
)
def test_a_broken_store_is_moved_aside_and_begun_anew(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Whatever is wrong with the file: it is kept byte for byte, the note names it, and a new store is there."""
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)

    assert 0 == events_in(path)
    (kept,) = broken_files(path)
    assert damaged == kept.read_bytes()
    assert str(kept) in (broken_note(path) or "")


def test_a_sound_store_is_opened(path: Path) -> None:
    """What is there stays, and nothing is said."""
    assert 3 == events_in(path)
    assert broken_note(path) is None


def test_a_store_that_is_held_is_left_alone(path: Path) -> None:
    """Another process with the file open, such as the worker before, is no reason to move it."""
    hold = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for _ in range(MAX_DEATHS + 1):
            with pytest.raises(StoreError, match=r"store\.duckdb"):
                open_store(path, 64)
        holder.kill()

    assert [] == broken_files(path)
    assert 3 == events_in(path)


TOO_LARGE = """
import pathlib, resource, sys
from sidecar.errors import StoreError
from sidecar.worker.store.opening import MAX_DEATHS, open_store
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
for _ in range(MAX_DEATHS + 2):
    try:
        open_store(pathlib.Path(sys.argv[1]), 64)
    except StoreError as error:
        print(error)
"""


def test_a_disk_that_takes_nothing_costs_no_store(path: Path) -> None:
    """Whatever the system says of a write, here that the file may not grow, the store stays, however often."""
    done = subprocess.run([sys.executable, "-c", TOO_LARGE, str(path)], capture_output=True, text=True, check=True)

    assert MAX_DEATHS + 2 == done.stdout.count(os.strerror(errno.EFBIG)), done.stdout
    assert [] == broken_files(path)
    assert 3 == events_in(path)


@pytest.mark.parametrize("call", ["Could not read from file", "Cannot open file"])
def test_a_disk_that_gives_nothing_is_asked_again(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A read error may pass, or stay: the store is moved aside only after as many workers as may die over it."""

    def unreadable(*_: object, **__: object) -> None:
        raise duckdb.IOException(f'IO Error: {call} "{path}": {os.strerror(errno.EIO)}')

    for attempts in (MAX_DEATHS - 1, MAX_DEATHS):
        with monkeypatch.context() as disk:
            disk.setattr(duckdb, "connect", unreadable)
            for _ in range(attempts):
                with pytest.raises(UnreadableStoreError):
                    open_store(path, 64)
        assert [] == broken_files(path)
        assert (3 if attempts < MAX_DEATHS else 0) == events_in(path)

    assert 1 == len(broken_files(path))


def test_a_store_that_kills_is_moved_aside(path: Path) -> None:
    """When several workers in a row died while opening the file, the next one begins anew."""
    path.with_suffix(".opening").write_text(str(MAX_DEATHS))

    assert 0 == events_in(path)
    assert 1 == len(broken_files(path))


def test_a_store_that_needs_it_gets_more_memory(path: Path) -> None:
    """A store that ran out of memory is opened with twice as much from then on, up to a bound."""
    limits = []
    for _ in range(6):
        store = open_store(path, 64)
        limits.append(store.fetch("SELECT current_setting('memory_limit')")[0][0])
        store.close()
        needs_more_memory(path)

    assert 5 == len(set(limits))
    assert limits[-2] == limits[-1]
    assert 3 == events_in(path)


def test_few_deaths_are_no_reason(path: Path) -> None:
    """A worker that was killed while opening the file, by chance, costs nothing; a good start forgets it."""
    path.with_suffix(".opening").write_text(str(MAX_DEATHS - 1))

    assert 3 == events_in(path)
    assert not path.with_suffix(".opening").exists()


def test_folders_in_place_of_what_is_noted_stop_nothing(path: Path) -> None:
    """Deaths and steps are then just not counted."""
    for name in ("store.opening", "store.memory"):
        path.with_name(name).mkdir()

    assert 3 == events_in(path)
