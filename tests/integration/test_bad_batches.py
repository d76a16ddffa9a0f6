"""Bodies that are too large and requests with too many events: bounded, answered one by one, disturbing nobody."""

import json

import httpx
import pytest

from tests.integration.ingest import BOTH, EVENT, GUIDE, MARK, NATIVE, TAKEN
from tests.sidecar_process import API, JSON, Sidecar

NDJSON = {"Content-Type": "application/x-ndjson"}


def _oversize(size: int) -> bytes:
    head = b'{"session_id":"big","hook_event_name":"PostToolUse","tool_name":"Bash","x":"'
    return head + MARK.encode() * (size // len(MARK)) + b'","tool_use_id":"toolu_1"}'


@BOTH
def test_over_the_size_limit_the_ids_are_kept(sidecar: Sidecar, route: str) -> None:
    """A body over 16 MiB becomes an event without content, said and counted, once per idempotency key."""
    raw = _oversize(17 << 20)
    for _ in range(2):
        answer = sidecar.post(route, raw, headers={"Idempotency-Key": f"big-{TAKEN[route]}"})
        assert TAKEN[route] == answer.status_code
    found = sidecar.sql(
        "SELECT tool_name, tool_use_id, size_bytes, payload->>'$.content_dropped.reason', "
        f"contains(payload::VARCHAR, '{MARK}') FROM events WHERE event_id = 'big-{TAKEN[route]}'"
    )
    assert [["Bash", "toolu_1", len(raw), "over_size_limit", False]] == found
    assert b'leanvibe_dropped_total{reason="content_over_size_limit"}' in sidecar.get("/metrics").content


def test_a_batch_over_the_limit_is_refused(sidecar: Sidecar) -> None:
    """A batch over 64 MiB is a 413 in JSON."""
    answer = sidecar.post_guide(b"[" + b" " * (65 << 20) + b"]")
    assert 413 == answer.status_code
    assert answer.json()["error"]


@pytest.mark.parametrize("headers", [JSON, NDJSON], ids=["array", "ndjson"])
def test_ten_thousand_events_are_the_most(sidecar: Sidecar, headers: dict[str, str]) -> None:
    """10,000 events in one request are taken, 10,001 refused as a whole."""
    before, one = sidecar.count(), json.dumps(EVENT).encode()

    def sent(count: int) -> httpx.Response:
        many = [one] * count
        body = b"\n".join(many) if headers is NDJSON else b"[%s]" % b",".join(many)
        return sidecar.post_guide(body, headers=headers)

    assert 10_000 == sent(10_000).json()["processed"]
    assert 400 == sent(10_001).status_code
    assert before + 10_000 == sidecar.count()


def test_a_batch_of_nothings_holds_up_nobody(sidecar: Sidecar) -> None:
    """Millions of empty lines' worth of elements are refused before anything is made of them."""
    answer = sidecar.post_guide(b"1\n" * 10_000_000, headers=NDJSON)
    assert 400 == answer.status_code
    assert "10000" in answer.json()["error"]


def test_broken_lines_fail_alone(sidecar: Sidecar) -> None:
    """In NDJSON each line has its own result; blank lines are none."""
    good = json.dumps(EVENT).encode()
    answer = sidecar.post_guide(good + b"\n" + MARK.encode() + b'\r\n\n[1]\n{"a":1}\n' + good, headers=NDJSON)
    assert 200 == answer.status_code
    assert ["processed", "failed", "failed", "failed", "processed"] == [r["status"] for r in answer.json()["results"]]
    assert MARK.encode() not in answer.content


@pytest.mark.parametrize(
    ("headers", "form"), [(NDJSON, b"%s\r\n%s\r\n"), (JSON, b"[%s,%s]")], ids=["ndjson", "array"]
)
def test_a_byte_order_mark_costs_no_event(sidecar: Sidecar, headers: dict[str, str], form: bytes) -> None:
    """A file as Windows' programs write it, with a byte order mark, is taken whole, its first event too."""
    one = json.dumps(EVENT).encode()
    answer = sidecar.post_guide(b"\xef\xbb\xbf" + form % (one, one), headers=headers)
    assert (200, 2, 0) == (answer.status_code, answer.json()["processed"], answer.json()["failed"])


def _many(count: int) -> bytes:
    return b"[%s]" % b",".join([json.dumps(EVENT).encode()] * count)


TEXT = {"Content-Type": "text/plain"}


@pytest.mark.parametrize(
    ("route", "body", "headers", "refused"),
    [
        pytest.param(GUIDE, b'{\n{"a":1}\n' + json.dumps(EVENT).encode(), NDJSON, 2, id="lines"),
        pytest.param(GUIDE, b'[1,{"session_id":3}]', JSON, 2, id="elements"),
        pytest.param(GUIDE, b"{", JSON, 1, id="no JSON"),
        pytest.param(GUIDE, b"{}", JSON, 1, id="no session"),
        pytest.param(GUIDE, _many(10_001), JSON, 1, id="too many events"),
        pytest.param(GUIDE, b"[[%s]]" % b",".join([b"1"] * 1_000_001), JSON, 1, id="too many values"),
        pytest.param(GUIDE, b"{}", TEXT, 1, id="another type"),
        pytest.param(NATIVE, b"{}", TEXT, 1, id="another type, native"),
        pytest.param(NATIVE + "x", b"{}", JSON, 1, id="unknown agent"),
        pytest.param(NATIVE, b"{}", JSON, 1, id="no session, native"),
    ],
)
def test_each_refusal_is_counted(
    sidecar: Sidecar, route: str, body: bytes, headers: dict[str, str], refused: int
) -> None:
    """Each event that is refused is one failure, and so is a request that is refused as a whole."""

    def failed() -> int:
        return int(sidecar.get(f"{API}/hook-performance").json()["performance"]["events_failed"])

    before = failed()
    sidecar.post(route, body, headers=headers)
    assert refused == failed() - before


@pytest.mark.parametrize("more", [{}, {"c": "\ud800"}], ids=["plain", "surrogate"])
def test_elements_that_are_no_events_fail_alone(sidecar: Sidecar, more: dict[str, str]) -> None:
    """In an array each element has its own result, lone surrogates or not."""
    answer = sidecar.post_guide([{**EVENT, **more}, 1, None, MARK, [], {"session_id": 3}, EVENT])
    assert [0, 6] == [i for i, result in enumerate(answer.json()["results"]) if result["status"] == "processed"]
    assert MARK.encode() not in answer.content


@pytest.mark.parametrize("body", [b"[1]", b"[[]]", b'[{"a":1}]'])
def test_a_batch_of_which_nothing_is_taken_is_refused(sidecar: Sidecar, body: bytes) -> None:
    """What is refused alone is refused in company: 2xx says that something was taken. No events are no fault."""
    answer = sidecar.post_guide(body, headers=JSON)
    assert (400, "failed", 1) == (answer.status_code, answer.json()["status"], len(answer.json()["results"]))
    assert 200 == sidecar.post_guide(b"[]", headers=JSON).status_code


@pytest.mark.parametrize("key", ["batch-1", '"batch-2"'])
def test_a_batch_may_be_sent_again_under_its_key(sidecar: Sidecar, key: str) -> None:
    """Under one key a batch is stored once, event by event; an event's own id is kept; what failed has its place."""
    plain = key.strip('"')
    own = f"own-{plain}"
    many = [EVENT, 1, {**EVENT, "event_id": own}, {**EVENT, "event_id": None}]
    before, ids = sidecar.count(), []
    for _ in range(2):
        answer = sidecar.post_guide(many, headers={**JSON, "Idempotency-Key": key})
        ids = [result["event_id"] for result in answer.json()["results"]]
    assert [f"{plain}:0", None, own, f"{plain}:3"] == ids
    assert before + 3 == sidecar.count()
