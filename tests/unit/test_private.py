"""Laws of the data directory: nobody else has a hand in it, whatever they put there before."""

import os
import stat
from pathlib import Path

import pytest

from sidecar import private, spool, state_dir, wire
from sidecar.errors import JournalError, StartError
from sidecar.front import data_dir
from sidecar.hook_fallback import LOG_FILE
from sidecar.journal import JournalWriter
from sidecar.journal.schema import FILE_NAME as JOURNAL
from sidecar.worker.store.store import FILE_NAME as STORE
from tests.privileges import as_root, nobody

NAMES = (
    JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm", "journal.mark", STORE, f"{STORE}.wal", "store.opening", "token",
    "ingest-token", state_dir.SERVER_FILE, state_dir.POLICY_FILE, state_dir.HASH_KEY_FILE, data_dir.LOCK_FILE,
    wire.ADDRESS_FILE, wire.SOCKET_FILE, wire.WORD_FILE,
    spool.FOLDER, f"{spool.FOLDER}/event.json", "cache/rules.hsdb", "hooks",
    "instance_id", "hook.log", LOG_FILE, "audit.jsonl", "audit.head", "anything",
)  # fmt: skip


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for path in (folder, folder / "cache"):
        path.mkdir(mode=0o755)
    return folder


def plant(folder: Path, name: str, kind: str) -> Path:
    """Puts a trap where a file of ours would be, and gives what it leads to."""
    victim = folder.parent / "victim"
    victim.write_text("precious")
    victim.chmod(0o640)
    trap = folder / name
    trap.parent.mkdir(exist_ok=True)
    if kind == "link":
        trap.symlink_to(victim)
    elif kind == "dangling":
        trap.symlink_to(folder.parent / "planted")
    else:
        os.mkfifo(trap)
    return victim


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
def test_a_trap_in_the_directory_is_refused(folder: Path, name: str, kind: str) -> None:
    """A link or FIFO under any name of ours is refused by its name, and nothing beyond it is touched."""
    victim = plant(folder, name, kind)

    with pytest.raises(StartError, match=name.rpartition("/")[2]):
        data_dir.prepare(folder)

    assert ("precious", 0o640) == (victim.read_text(), stat.S_IMODE(victim.stat().st_mode))
    assert not (folder.parent / "planted").exists()


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
@pytest.mark.parametrize("name", ["token", "lock", JOURNAL, "spool", "server.json"])
def test_nothing_is_opened_through_a_trap(folder: Path, name: str, kind: str) -> None:
    """What opens the file refuses the trap by itself, even if nobody looked before."""
    plant(folder, name, kind)
    folder.chmod(0o700)
    openers = {
        "token": lambda: data_dir.token(folder),
        "lock": lambda: data_dir.held(folder).__enter__(),
        JOURNAL: lambda: JournalWriter(folder / JOURNAL),
        "spool": lambda: spool.keep(folder, {"event_id": "a"}),
        "server.json": lambda: _announced_again(folder),
    }

    with pytest.raises((StartError, JournalError, OSError)):
        openers[name]()

    assert "precious" == (folder.parent / "victim").read_text()
    assert not (folder.parent / "planted").exists()


def _announced_again(folder: Path) -> None:
    """Reading refuses the trap; writing replaces it and leaves what it led to alone."""
    assert None is state_dir.announced(folder)
    data_dir.announce(folder, url="http://127.0.0.1:1")
    assert stat.S_ISREG((folder / "server.json").lstat().st_mode)
    raise OSError("as the others")


def test_others_rights_are_taken_away(folder: Path) -> None:
    """Directory 0700, files 0600, folders in it 0700, also of one that was open."""
    (folder / "cache" / "rules").write_text("x")
    (folder / "store.duckdb").write_text("x")
    (folder / "store.duckdb").chmod(0o666)

    data_dir.prepare(folder)

    assert [] == [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & private.OTHERS]


def test_a_parent_that_everyone_may_write_into_is_refused(folder: Path) -> None:
    """Whoever may rename the directory may replace it; a sticky bit keeps others from that."""
    folder.parent.chmod(0o777)
    with pytest.raises(StartError, match="replace"):
        data_dir.prepare(folder)

    folder.parent.chmod(0o1777)
    data_dir.prepare(folder)


def test_our_own_link_to_our_own_directory_is_used(folder: Path) -> None:
    """A data directory may be a link of ours to a directory of ours, on a larger disk."""
    link = folder.parent / "link"
    link.symlink_to(folder)

    data_dir.prepare(link)

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


@as_root
def test_what_belongs_to_others_is_refused(folder: Path) -> None:
    """A directory, a link to ours, or a file in ours that another user owns: none is used."""
    link = folder.parent / "link"
    link.symlink_to(folder)
    os.chown(link, nobody(), -1, follow_symlinks=False)
    with pytest.raises(StartError, match=r"the link .* belongs to another user"):
        data_dir.prepare(link)

    (folder / "token").write_text("known to them")
    os.chown(folder / "token", nobody(), -1)
    with pytest.raises(StartError, match="token belongs to another user"):
        data_dir.prepare(folder)
    with pytest.raises(StartError):
        data_dir.token(folder)

    os.chown(folder, nobody(), -1)
    with pytest.raises(StartError, match="belongs to another user"):
        data_dir.prepare(folder)


def test_replacing_follows_no_link(folder: Path) -> None:
    """A link planted as the draft of a file that is replaced is removed, not written through."""
    victim = plant(folder, "server.json.new", "link")

    private.replace(folder / "server.json", b"{}")

    assert ("precious", b"{}") == (victim.read_text(), (folder / "server.json").read_bytes())
