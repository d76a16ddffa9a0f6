"""Laws of sealed days: every event is in the views exactly once, whatever happens while and after a day is sealed."""

import contextlib
import datetime as dt
import errno
import functools
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import msgspec
import pytest

from sidecar.errors import QueryRefusedError, StoreError
from sidecar.events import HookEvent
from sidecar.worker.query.listing import EventFilter, recent
from sidecar.worker.query.sql import run
from sidecar.worker.store.history import History
from sidecar.worker.store.notebook import Notes, dead_letter
from sidecar.worker.store.opening import open_store
from sidecar.worker.store.retention import Bounds, Need
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import is_passing
from sidecar.worker.store.upkeep import Upkeep
from tests.recorded_events import recorded_events

DAY = 86_400_000_000
MONDAY = int(dt.datetime(2026, 11, 16, 12, tzinfo=dt.UTC).timestamp() * 1e6)
NOW = MONDAY / 1e6 + 2.2 * 86_400
LARGE = msgspec.Raw(msgspec.json.encode({"session_id": "s", "prompt": "p " * 5000, "tool_response": "größer" * 9000}))
PLENTY = Bounds(1 << 40, dt.timedelta(days=365))
NOBODY = Need({}, 1)


@functools.cache
def days(events: int = 30) -> list[HookEvent]:
    """Recorded events over three days, every fifth with a large payload."""
    return [
        msgspec.structs.replace(
            event,
            received_at=MONDAY + event.seq * 3 // (events + 1) * DAY,
            payload=LARGE if event.seq % 5 == 0 else event.payload,
            trace_id="t" + event.session_id,
        )
        for event in recorded_events(events)
    ]


def comparable(events: list[HookEvent]) -> list[HookEvent]:
    return [msgspec.structs.replace(event, payload=msgspec.Raw(bytes(event.payload))) for event in events]


def everything(store: Store) -> list[HookEvent]:
    found: list[HookEvent] = []
    while page := store.events_where("seq > ?", [found[-1].seq if found else 0], limit=7, max_bytes=1 << 20):
        found += page
    return comparable(found)


def keep_up(
    store: Store,
    bounds: Bounds = PLENTY,
    need: Need = NOBODY,
    now: float = NOW,
    steps: int = 1,
) -> Upkeep:
    upkeep = Upkeep(store, bounds, 0, lambda: need, lambda: now)
    for _ in range(steps):
        upkeep.step()
    upkeep.close()
    return upkeep


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    """Three days of events, two of them over."""
    store = Store(tmp_path / "store.duckdb", memory_mb=64)
    store.load(days(), Notes())
    yield store
    store.close()


def test_days_that_are_over_are_files(store: Store) -> None:
    """Ended days become one file each, with one more for large payloads; today stays hot; readers see no change."""
    stats = store.fetch("SELECT * FROM redaction_stats ORDER BY rule")
    keep_up(store)

    assert [
        "events-2026-11-16-1.parquet", "events-2026-11-17-11.parquet",
        "payloads-2026-11-16-1.parquet", "payloads-2026-11-17-11.parquet",
    ] == files(store)  # fmt: skip
    assert comparable(days()) == everything(store)
    assert stats == store.fetch("SELECT * FROM redaction_stats ORDER BY rule")
    assert [(10, 21)] == store.fetch("SELECT count(*), min(seq) FROM events_hot")
    assert [(2,)] == store.fetch("SELECT count(DISTINCT seq) FROM payload_parts_hot")


def test_days_of_large_payloads_are_files_with_the_least_memory(tmp_path: Path) -> None:
    """The smallest `store_memory_mb` cannot hold what is written at once: sealing is given more for a moment."""
    noise = random.Random(5)
    store = Store(tmp_path / "store.duckdb", memory_mb=32)
    for event in days(24):
        payload = msgspec.Raw(msgspec.json.encode({"tool_response": noise.randbytes(500_000).hex()}))
        store.load([msgspec.structs.replace(event, payload=payload)], Notes())
    keep_up(store)

    assert [(16,)] == store.fetch("SELECT sum(events) FROM sealed_files")
    assert [(24,)] == store.fetch("SELECT count(DISTINCT seq) FROM payload_parts")
    store.close()


def test_every_reader_sees_both_parts(store: Store) -> None:
    """Late sinks, restored turns, replay, the list of events and SQL see sealed days, large payloads whole."""
    keep_up(store)
    history = History(store)
    traces = {str(event.trace_id): 0 for event in days()}
    shown = recent(store, EventFilter(after=0, limit=30))["events"]

    assert list(range(4, 26)) == [event.seq for event in store.events_between(3, 26, limit=99, max_bytes=1 << 30)]
    assert comparable(days()) == comparable([one for page in store.sessions_of_traces(traces, 30) for one in page])
    assert 30 == history.count_since(0, None, 0) == len(history.events_since(0, None, 0, 100))
    assert [bytes(event.payload) for event in days()] == [bytes(event["payload"]) for event in shown]
    assert [25, 30] == [one["seq"] for one in recent(store, EventFilter(after=21, text="GRÖßERgrö"))["events"]]
    assert [(30, 6)] == store.fetch("SELECT count(*), count(*) FILTER (length(payload) > 50000) FROM events")
    assert [("größergrößer",)] == store.fetch("SELECT (result ->> '$')[:12] FROM events WHERE seq = 5")


def test_what_comes_late_for_a_sealed_day_is_sealed_beside_it(store: Store) -> None:
    """A clock set back gives a sealed day more events: hot at first, then in a second file of that day."""
    keep_up(store)
    late = msgspec.structs.replace(recorded_events(31)[30], received_at=MONDAY)
    store.load([late], Notes())

    assert 31 == len(everything(store))
    keep_up(store)
    assert "events-2026-11-16-31.parquet" in files(store)
    assert comparable([*days(), late]) == everything(store)


COUNTS = "SELECT count(*), count(DISTINCT seq), count(*) FILTER (seq > 20) FROM events"
CRASH = """
import datetime as dt, os, signal, sys
from pathlib import Path
from sidecar.worker.store import sealed, sealing
from sidecar.worker.store.store import Store

left = int(sys.argv[2])
def deadly(owner, name):
    real = getattr(owner, name)
    def counted(*args, **options):
        step()
        result = real(*args, **options)
        step(name == "take_over")
        return result
    setattr(owner, name, counted)
def step(counts=True):
    global left
    left -= counts
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

store = Store(Path(sys.argv[1]), 64)
deadly(os, "fsync"); deadly(Path, "replace"); deadly(sealed, "take_over"); deadly(sealed, "replace_views")
day = dt.datetime(2026, 11, 17, tzinfo=dt.UTC)
sealing.seal(store.cursor(), store.folder, sealing.oldest_slice(store.cursor(), day))
store.close()
"""


def test_a_crash_at_any_step_neither_loses_nor_doubles(tmp_path: Path) -> None:
    """Killed before and after every write of sealing, the next opening has every event once, and sealing goes on."""
    week = [event for event in days() if event.seq <= 10 or event.seq > 20]
    for number in range(1, 100):
        path = tmp_path / str(number) / "store.duckdb"
        path.parent.mkdir()
        store = Store(path, 64)
        store.load(week, Notes())
        store.close()
        code = subprocess.run([sys.executable, "-c", CRASH, str(path), str(number)], check=False).returncode
        store = open_store(path, 64)
        assert comparable(week) == everything(store), f"killed at step {number}"
        keep_up(store)
        assert 2 == len(files(store))
        assert [(20, 20, 10)] == store.fetch(COUNTS), f"sealed after it was killed at step {number}"
        store.close()
        if code == 0:
            break
    assert number >= 9


def test_a_lost_store_takes_its_sealed_days_over(tmp_path: Path, store: Store) -> None:
    """A store begun anew has the sealed days at once; what the journal gives once more is not there twice."""
    keep_up(store)
    store.close()
    (tmp_path / "store.duckdb").write_bytes(b"no database" * 1000)
    again = open_store(tmp_path / "store.duckdb", 64)

    assert comparable(days()[:20]) == everything(again)
    again.load(days()[5:], Notes())
    assert comparable(days()) == everything(again)
    again.close()


@pytest.mark.parametrize("damage", ["cut off", "gone", "scrambled", "three bytes"])
def test_a_damaged_file_is_left_out(tmp_path: Path, store: Store, damage: str) -> None:
    """A damaged sealed file, found when opening or by a query, costs its own events, counted, and no other."""
    keep_up(store)
    path = store.folder / "events-2026-11-16-1.parquet"
    content = path.read_bytes()
    if damage == "scrambled":
        path.write_bytes(content[:200] + bytes(len(content) - 2200) + content[-2000:])
        with pytest.raises(StoreError):
            everything(store)
        assert store.doubted.is_set()
        upkeep = Upkeep(store, PLENTY, 0, lambda: NOBODY, lambda: NOW)
        upkeep.verify()
    else:
        store.close()
        path.unlink() if damage == "gone" else path.write_bytes(content[: 3 if damage == "three bytes" else -500])
        store = Store(tmp_path / "store.duckdb", 64)
        upkeep = keep_up(store)

    assert comparable(days()[10:]) == everything(store)
    assert [("damaged", 10)] == [(one["reason"], one["events"]) for one in upkeep.account.forgotten]
    assert (damage == "gone") == (upkeep.account.note is None)
    store.close()


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(file.name) for file in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_want_of_descriptors_is_no_damage(store: Store) -> None:
    """A file that cannot be opened because too many are costs nothing: it is looked at again."""
    keep_up(store)
    upkeep = Upkeep(store, PLENTY, 0, lambda: NOBODY, lambda: NOW)
    with no_more_files(), pytest.raises((StoreError, OSError)):
        upkeep.verify()
    upkeep.verify()

    assert comparable(days()) == everything(store)
    assert [] == upkeep.account.forgotten


def test_what_passes_is_no_damage() -> None:
    """Want of something, or our own interruption, is no fault of a file; what the system says of one file may be."""
    passing = [OSError(errno.EMFILE, ""), duckdb.InterruptException(), duckdb.IOException(os.strerror(errno.ENFILE))]
    of_a_file = [OSError(errno.ENOENT, ""), OSError(errno.EIO, ""), duckdb.InvalidInputException("no magic bytes")]

    assert [True] * 3 == list(map(is_passing, passing))
    assert [False] * 3 == list(map(is_passing, of_a_file))


def test_age_deletes_whole_files(store: Store) -> None:
    """Files older than the bound go, counted with reason and size, and their space is given back."""
    keep_up(store)
    size = sum(path.stat().st_size for path in store.folder.glob("*-2026-11-16-*"))
    upkeep = keep_up(store, Bounds(1 << 40, dt.timedelta(days=2)), steps=2)

    assert comparable(days()[10:]) == everything(store)
    assert ["events-2026-11-17-11.parquet", "payloads-2026-11-17-11.parquet"] == files(store)
    assert [("age", "", 10, size)] == forgotten(upkeep)


def test_a_leap_of_the_clock_deletes_nothing(store: Store) -> None:
    """A clock that is ten years ahead for a moment, and then right again, makes nothing too old."""
    now = [NOW]
    upkeep = Upkeep(store, Bounds(1 << 40, dt.timedelta(days=30)), 0, lambda: NOBODY, lambda: now[0])
    for ahead in (0, 3650 * 86_400, 0):
        now[0] = NOW + ahead
        upkeep.step()
    upkeep.close()

    assert comparable(days()) == everything(store)
    assert [] == forgotten(upkeep)


def forgotten(upkeep: Upkeep) -> list[tuple[str, str, int, int]]:
    return sorted((one["reason"], one["sink"], one["events"], one["bytes"]) for one in upkeep.account.forgotten)


@pytest.mark.parametrize(
    ("positions", "journal_first", "gone", "missed"),
    [
        pytest.param({"redis": 30, "otlp": 30}, 31, [1, 2], {}, id="all have it"),
        pytest.param({"redis": 30, "otlp": 13}, 31, [1, 2], {"otlp": 17}, id="the one that a sink needs goes last"),
        pytest.param({"redis": 30, "otlp": 13}, 14, [1], {}, id="the journal still has it for the sink"),
        pytest.param({"redis": 0, "otlp": 13}, 25, [1, 2], {"otlp": 7, "redis": 20}, id="nobody has it"),
    ],
)
def test_bytes_delete_what_all_sinks_have_first(
    store: Store, positions: Mapping[str, int], journal_first: int, gone: list[int], missed: Mapping[str, int]
) -> None:
    """Over the bound the oldest files go, those that a sink still needs last, counted for each such sink."""
    keep_up(store)
    upkeep = keep_up(store, Bounds(1, dt.timedelta(days=365)), Need(positions, journal_first), steps=2)

    left = {event.seq for event in everything(store)}
    assert (1 in left, 11 in left) == (1 not in gone, 2 not in gone)
    counted = {sink: events for _, sink, events, _ in forgotten(upkeep) if sink}
    assert dict(missed) == counted


def test_a_hot_part_that_is_too_large_is_sealed_early(store: Store) -> None:
    """Beyond its share of the bytes even today's events are sealed; none is lost."""
    keep_up(store, Bounds(1 << 20, dt.timedelta(days=365)), Need({"otlp": 0}, 1))

    assert [(0,)] == store.fetch("SELECT count(*) FROM events_hot")
    assert comparable(days()) == everything(store)


def test_old_spans_and_dead_letters_go(store: Store) -> None:
    """Rows of the other tables older than the bound go; a dead letter is counted for its sink."""
    letter = dead_letter("redis", days()[0], "too long")
    store.load([], Notes(dead_letters=[letter._replace(died_at=MONDAY), letter._replace(died_at=MONDAY + 3 * DAY)]))
    upkeep = keep_up(store, Bounds(1 << 40, dt.timedelta(days=2)))

    assert [(1,)] == store.fetch("SELECT count(*) FROM dead_letters")
    assert ("dead_letter_age", "redis", 1, 0) in forgotten(upkeep)


def test_another_process_reads_the_files(store: Store) -> None:
    """While the store is open any tool reads the sealed days."""
    keep_up(store)
    query = f"SELECT count(*), max(seq) FROM read_parquet('{store.folder}/events-*.parquet')"
    program = f"import duckdb; print(duckdb.sql({query!r}).fetchall())"

    assert "[(20, 20)]\n" == subprocess.check_output([sys.executable, "-c", program], text=True)


def test_nothing_but_sealed_days_is_open(store: Store, tmp_path: Path) -> None:
    """The store's own connection reaches the sealed days and no other file, not by a link or a way back either."""
    keep_up(store)
    (tmp_path / "other.csv").write_text("a\n1\n")
    (store.folder / "link.csv").symlink_to(tmp_path / "other.csv")

    for place in (tmp_path / "other.csv", f"{store.folder}/../other.csv", store.folder / "link.csv"):
        for reader in ("read_csv", "read_text", "read_blob"):
            with pytest.raises(StoreError):
                store.fetch(f"SELECT * FROM {reader}('{place}')")
    with pytest.raises(StoreError):
        store.fetch("SET allowed_directories = ['/']")


def test_a_query_writes_nothing_beside_sealed_days(store: Store) -> None:
    """The folder is open for sealing, and for nobody's query: no file is written there, or read by its name."""
    keep_up(store)
    before = files(store)
    for query in (
        f"COPY events TO '{store.folder}/x.parquet'",
        f"ATTACH '{store.folder}/x.duckdb'",
        f"SELECT * FROM read_parquet('{store.folder}/events-2026-11-16-1.parquet')",
        f"SELECT * FROM read_text('{store.folder}/events-2026-11-16-1.parquet')",
    ):
        with pytest.raises(QueryRefusedError), contextlib.closing(store.cursor()) as cursor:
            run(cursor, query, seconds=5, max_rows=1)
    assert before == files(store)


def test_a_folder_with_a_pattern_in_its_name(tmp_path: Path) -> None:
    """What would be a pattern to DuckDB is a name like any other."""
    folder = tmp_path / "a[b]*'c"
    folder.mkdir()
    store = Store(folder / "store.duckdb", 64)
    store.load(days(), Notes())
    keep_up(store)

    assert comparable(days()) == everything(store)
    store.close()


def test_a_parquet_file_of_others_is_left_aside(tmp_path: Path) -> None:
    """A file in the folder that holds no events of ours is moved out of the way, and nothing stops."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    duckdb.sql(f"COPY (SELECT 1 AS a) TO '{folder}/events-2026-11-16-1.parquet'")
    (folder / "events-2026-11-17-1.parquet").write_bytes(b"PAR1 nothing PAR1")
    store = Store(tmp_path / "store.duckdb", 64)
    store.load(days(), Notes())

    assert comparable(days()) == everything(store)
    assert ["2026-11-16", "2026-11-17"] == [name[7:17] for name in files(store) if ".broken-" in name]
    store.close()


def test_the_last_events_of_many_are_read_whole(tmp_path: Path) -> None:
    """All columns of the last events, the first thing that people ask for, within the default memory."""
    store = Store(tmp_path / "store.duckdb", memory_mb=64)
    text = [f"{seq * 7919 % 1_000_003:x}" for seq in range(200)]
    for first in range(0, 24_000, 2000):
        store.load(
            [
                msgspec.structs.replace(
                    days()[seq % 30],
                    seq=seq,
                    received_at=MONDAY,
                    payload=msgspec.Raw(msgspec.json.encode({"tool_input": text[seq % 100 :][:100], "n": seq})),
                )
                for seq in range(first + 1, first + 2001)
            ],
            Notes(),
        )
    keep_up(store)

    assert 1 == len(files(store))
    assert [24_000, 23_999] == [row[0] for row in store.fetch("SELECT * FROM events ORDER BY seq DESC LIMIT 2")]
    assert [(24_000,)] == store.fetch("SELECT sum(events) FROM sessions")
    store.close()
