"""Laws of the audit trail: what was written stays, whatever is changed or removed is found."""

import json
import multiprocessing
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar import resources
from sidecar.audit import trail as files
from sidecar.audit.facts import rules_hash
from sidecar.audit.trail import AuditTrail

WHO = {"actor": "token", "origin": "127.0.0.1"}


def written(folder: Path, count: int = 5, part_bytes: int = 4096) -> AuditTrail:
    trail = AuditTrail(folder, part_bytes)
    for number in range(count):
        trail.append("sql", WHO, {"query": f"SELECT {number}"})
    return trail


def lines(folder: Path) -> list[bytes]:
    return (folder / "audit.jsonl").read_bytes().splitlines(keepends=True)


def put(folder: Path, changed: list[bytes]) -> None:
    (folder / "audit.jsonl").write_bytes(b"".join(changed))


def test_what_was_written_is_in_order(tmp_path: Path) -> None:
    """Records come out as they went in, numbered from 1; the files are their owner's alone."""
    trail = written(tmp_path)

    verdict = trail.verify()

    assert (5, None, []) == (verdict.records, verdict.broken, verdict.notes)
    assert [f"SELECT {n}" for n in range(5)] == [record["detail"]["query"] for record in trail.records()]
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: [*found[:2], found[2].replace(b"SELECT 2", b"SELECT 9"), *found[3:]], "line 4"),
        (lambda found: [*found[:2], *found[3:]], "line 3"),
        (lambda found: [*found[:1], found[2], found[1], *found[3:]], "line 2"),
        (lambda found: [*found[:2], b"{}\n", *found[2:]], "line 3"),
        (lambda found: [*found[:2], b"no JSON\n", *found[3:]], "line 3"),
        (lambda found: found[1:], "line 1"),
        (lambda found: found[:-1], "record 5"),
        (lambda found: [*found[:-1], found[-1].replace(b"SELECT 4", b"SELECT 9")], "record 5"),
        (lambda found: [*found[:-1], found[-1][:-20]], "record 5"),
        (lambda _: [], "record 5"),
    ],
    ids=[
        "changed",
        "removed",
        "swapped",
        "added",
        "no-record",
        "cut-at-the-front",
        "cut",
        "last-changed",
        "torn",
        "empty",
    ],
)
def test_every_change_is_found(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], said: str) -> None:
    """A record that is changed, removed, moved or added is found, and still so after more was appended."""
    trail = written(tmp_path)
    put(tmp_path, change(lines(tmp_path)))

    first = trail.verify().broken
    trail.append("sql", WHO)

    assert first is not None
    assert said in first
    assert trail.verify().broken is not None


def test_a_crash_within_a_line_is_no_change(tmp_path: Path) -> None:
    """A line without its end, after the head, is noted and cut off; the chain goes on from the last whole one."""
    trail = written(tmp_path)
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"seq":6,"at":"20')

    verdict = trail.verify()
    assert (None, 5, 1) == (verdict.broken, verdict.records, len(verdict.notes))

    trail.append("sql", WHO)
    assert (None, 7, []) == ((after := trail.verify()).broken, after.records, after.notes)
    assert "audit.unfinished_line" == list(trail.records())[5]["action"]


def test_a_crash_before_the_head_is_no_change(tmp_path: Path) -> None:
    """The head may be one record behind: that one was written and nothing followed."""
    trail = written(tmp_path, 4)
    head = (tmp_path / "audit.head").read_bytes()
    trail.append("sql", WHO)
    (tmp_path / "audit.head").write_bytes(head)

    assert None is trail.verify().broken
    trail.append("sql", WHO)
    assert (None, 6) == (trail.verify().broken, trail.verify().records)


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_head_that_is_gone_is_found(tmp_path: Path, content: bytes | None) -> None:
    """Without the head the end could be cut off unseen, so its loss is a change, also once it is written anew."""
    trail = written(tmp_path)
    (tmp_path / "audit.head").unlink()
    if content is not None:
        (tmp_path / "audit.head").write_bytes(content)

    assert trail.verify().broken
    trail.append("sql", WHO)
    assert trail.verify().broken


def test_older_parts_belong_to_the_chain(tmp_path: Path) -> None:
    """The chain goes over the parts; those beyond the bound go, and that is no change; to remove another one is."""
    trail = written(tmp_path, 400)
    parts = sorted(tmp_path.glob("audit-*.jsonl"))

    verdict = trail.verify()
    assert (None, 400) == (verdict.broken, verdict.head.seq)
    assert files.KEPT_PARTS == len(parts)
    assert 100 < verdict.records < 400

    content = parts[0].read_bytes()
    parts[0].unlink()
    assert "removed" in (trail.verify().broken or "")
    parts[0].write_bytes(content)
    parts[3].unlink()
    assert "follows record" in (trail.verify().broken or "")


def test_a_new_chain_is_found_by_what_was_noted_elsewhere(tmp_path: Path) -> None:
    """Who writes files and head anew is found out by a record that was noted."""
    noted = str(written(tmp_path).verify().head)
    assert None is AuditTrail(tmp_path).verify(noted).broken

    for path in tmp_path.iterdir():
        path.unlink()
    trail = written(tmp_path, 9)

    assert None is trail.verify().broken
    assert "record 5" in (trail.verify(noted).broken or "")


def test_processes_append_beside_each_other(tmp_path: Path) -> None:
    """Several processes write one chain."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=written, args=(tmp_path, 20)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    verdict = AuditTrail(tmp_path).verify()
    assert (None, 60) == (verdict.broken, verdict.head.seq)


def test_a_full_disk_leaves_the_chain_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of which only a part could be written is taken back, and the append fails."""
    trail = written(tmp_path)
    write = files.os.write
    monkeypatch.setattr(files.os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(OSError, match="part"):
        trail.append("sql", WHO)
    monkeypatch.undo()

    assert (None, 5, []) == ((verdict := trail.verify()).broken, verdict.records, verdict.notes)


def test_records_are_lines_of_json(tmp_path: Path) -> None:
    """Whatever a text holds, a record is one line."""
    trail = AuditTrail(tmp_path)
    trail.append("sql", WHO, {"query": "SELECT\n'\u2028\x00 \ud800'"})

    assert 1 == len(lines(tmp_path))
    assert "SELECT\n" in json.loads(lines(tmp_path)[0])["detail"]["query"]


def test_every_rule_that_comes_with_us_is_in_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of any file of rules changes the hash, wherever below the folder it is."""
    shutil.copytree(resources.path("config", "redaction"), tmp_path / "config" / "redaction")
    monkeypatch.setattr(resources, "path", tmp_path.joinpath)
    seen = {rules_hash("")}
    for path in sorted((tmp_path / "config").rglob("*.toml")):
        path.write_text(path.read_text() + "# other\n")
        seen.add(rules_hash(""))

    assert 10 < len(seen) == 1 + len(list((tmp_path / "config").rglob("*.toml")))


def test_a_new_file_that_is_begun_while_others_read_hides_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table `audit` goes on from its last number: what a look at the files missed it would never have."""
    reading = written(tmp_path, part_bytes=1)
    appending = threading.Thread(target=AuditTrail(tmp_path, part_bytes=1).append, args=("sql", WHO))
    parts = AuditTrail._parts

    def rotated(trail: AuditTrail) -> list[Path]:
        found = parts(trail)
        monkeypatch.setattr(AuditTrail, "_parts", parts)
        appending.start()
        appending.join(0.2)  # which has to wait, if readers are waited for
        return found

    monkeypatch.setattr(AuditTrail, "_parts", rotated)
    numbers = [record["seq"] for record in reading.records()]
    appending.join()

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 5
