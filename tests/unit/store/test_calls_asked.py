"""Laws of what `tool_calls` tells of a call besides its end: what was asked, where, and by which event."""

import datetime as dt

import pytest

from sidecar.worker.store import sealing
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import Store
from tests.unit.store.test_views import UNKNOWN, claude, custom

ASKED = "SELECT tool_use_id, seq, cwd, host, parameters->>'command' FROM tool_calls ORDER BY seq"
LONG = "x" * 100_000
BASH = {"tool_name": "Bash", "cwd": "/srv/shop"}


def asking(command: str, **more: object) -> dict[str, object]:
    return {**BASH, "tool_input": {"command": command}, **more}


def test_a_call_tells_once_what_was_asked(store: Store) -> None:
    """Start, end and permission of a call are three events with its parameters, and one row that has them."""
    body = asking("ls", tool_use_id="b")
    names = ("PreToolUse", "PermissionRequest", "PostToolUse")
    store.load([claude(number, name, **body) for number, name in enumerate(names, 1)], Notes())

    assert [("b", 1, "/srv/shop", "h", "ls")] == store.fetch(ASKED)


def test_an_end_alone_tells_it_too(store: Store) -> None:
    """A call whose start nobody saw, or whose end overtook it, has the parameters of an event that has them."""
    store.load(
        [
            claude(1, "PostToolUse", **asking("alone", tool_use_id="a")),
            claude(2, "PostToolUse", **asking("late", tool_use_id="b")),
            claude(3, "PreToolUse", **asking("late", tool_use_id="b")),
            claude(4, "PostToolBatch", cwd="/srv/shop", tool_calls=[UNKNOWN]),
        ],
        Notes(),
    )

    told = [("a", 1, "/srv/shop", "h", "alone"), ("b", 3, "/srv/shop", "h", "late"), ("u", 4, "/srv/shop", "h", None)]
    assert told == store.fetch(ASKED)


def test_calls_without_ids_keep_theirs_apart(store: Store) -> None:
    """In the guide's words each of two calls that run side by side has its own."""
    starts = [custom(n, "PRE_TOOL_USE", tool_name="Bash", parameters={"command": f"c{n}"}) for n in (1, 2)]
    store.load([*starts, custom(3, "POST_TOOL_USE", tool_name="Bash")], Notes())

    assert [(1, "c1"), (2, "c2")] == store.fetch("SELECT seq, parameters->>'command' FROM tool_calls ORDER BY seq")


@pytest.mark.parametrize("sealed", [False, True])
def test_large_parameters_are_whole(store: Store, sealed: bool) -> None:
    """However large, and in sealed days too."""
    store.load([claude(1, "PreToolUse", **asking(LONG, tool_use_id="b"))], Notes())
    if sealed:
        part = sealing.oldest_slice(store.cursor(), dt.datetime.max.replace(tzinfo=dt.UTC))
        assert part is not None
        sealing.seal(store.cursor(), store.folder, part)

    assert [(LONG,)] == store.fetch("SELECT parameters->>'command' FROM tool_calls")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM tool_calls",
        "SELECT cwd, tool_name, max(duration_ms) FROM tool_calls GROUP BY ALL",
        "SELECT * FROM tool_stats",
        "SELECT outcome, count(*) FROM turns GROUP BY 1",
    ],
)
def test_who_does_not_ask_for_parameters_reads_no_payload(store: Store, query: str) -> None:
    """Views and queries of calls cost what they did without them."""
    plan = store.fetch(f"EXPLAIN (FORMAT json) {query}")[0][1]
    whole = store.fetch("EXPLAIN (FORMAT json) SELECT parameters FROM tool_calls")[0][1]

    assert (False, True) == tuple("payload_parts_hot" in text for text in (plan, whole))
