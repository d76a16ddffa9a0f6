"""Bodies that are too large and requests with too many events: bounded, answered one by one, disturbing nobody."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.rig import GUIDE, JSON, NATIVE, Answer, Sidecar, running

MARK = "xyzzy-mark"
EVENT: dict[str, Any] = {"session_id": "s", "event_type": "PRE_TOOL_USE", "hook_event_name": "PreToolUse"}
NDJSON = {"Content-Type": "application/x-ndjson"}
BOTH = pytest.mark.parametrize("route", [NATIVE, GUIDE])
TAKEN = {NATIVE: 204, GUIDE: 200}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with running(tmp_path_factory.mktemp("batches") / "data") as sidecar:
        yield sidecar


def _oversize(size: int) -> bytes:
    head = b'{"session_id":"big","hook_event_name":"PostToolUse","tool_name":"Bash","x":"'
    return head + MARK.encode() * (size // len(MARK)) + b'","tool_use_id":"toolu_1"}'


@BOTH
def test_over_the_size_limit_the_ids_are_kept(sidecar: Sidecar, route: str) -> None:
    """A body over 16 MiB becomes an event without content, said and counted, once per idempotency key."""
    raw = _oversize(17 << 20)
    for _ in range(2):
        answer = sidecar.post(route, raw, {"Idempotency-Key": f"big-{TAKEN[route]}"})
        assert TAKEN[route] == answer.status
    found = sidecar.rows(
        "SELECT tool_name, tool_use_id, size_bytes, payload->>'$.content_dropped.reason', "
        f"contains(payload::VARCHAR, '{MARK}') FROM events WHERE event_id = 'big-{TAKEN[route]}'"
    )
    assert [["Bash", "toolu_1", len(raw), "over_size_limit", False]] == found
    assert b'leanvibe_dropped_total{reason="content_over_size_limit"}' in sidecar.request("GET", "/metrics").body


def test_a_batch_over_the_limit_is_refused(sidecar: Sidecar) -> None:
    """A batch over 64 MiB is a 413 in JSON."""
    answer = sidecar.post(GUIDE, b"[" + b" " * (65 << 20) + b"]")
    assert 413 == answer.status
    assert answer.json["error"]


@pytest.mark.parametrize("headers", [JSON, NDJSON], ids=["array", "ndjson"])
def test_ten_thousand_events_are_the_most(sidecar: Sidecar, headers: dict[str, str]) -> None:
    """10,000 events in one request are taken, 10,001 refused as a whole."""
    before, one = sidecar.count(), json.dumps(EVENT).encode()

    def sent(count: int) -> Answer:
        many = [one] * count
        return sidecar.post(GUIDE, b"\n".join(many) if headers is NDJSON else b"[%s]" % b",".join(many), headers)

    assert 10_000 == sent(10_000).json["processed"]
    assert 400 == sent(10_001).status
    assert before + 10_000 == sidecar.count()


def test_a_batch_of_nothings_holds_up_nobody(sidecar: Sidecar) -> None:
    """Millions of empty lines' worth of elements are refused before anything is made of them."""
    answer = sidecar.post(GUIDE, b"1\n" * 10_000_000, NDJSON)
    assert 400 == answer.status
    assert "10000" in answer.json["error"]


def test_broken_lines_fail_alone(sidecar: Sidecar) -> None:
    """In NDJSON each line has its own result; blank lines are none."""
    good = json.dumps(EVENT).encode()
    answer = sidecar.post(GUIDE, good + b"\n" + MARK.encode() + b'\r\n\n[1]\n{"a":1}\n' + good, NDJSON)
    assert 200 == answer.status
    assert ["processed", "failed", "failed", "failed", "processed"] == [r["status"] for r in answer.json["results"]]
    assert MARK.encode() not in answer.body


@pytest.mark.parametrize("more", [{}, {"c": "\ud800"}], ids=["plain", "surrogate"])
def test_elements_that_are_no_events_fail_alone(sidecar: Sidecar, more: dict[str, str]) -> None:
    """In an array each element has its own result, lone surrogates or not."""
    answer = sidecar.post(GUIDE, [{**EVENT, **more}, 1, None, MARK, [], {"session_id": 3}, EVENT])
    assert [0, 6] == [i for i, result in enumerate(answer.json["results"]) if result["status"] == "processed"]
    assert MARK.encode() not in answer.body
