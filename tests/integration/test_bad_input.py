"""What a broken or hostile client may send: refused clearly, or kept; nobody else notices."""

import gzip
import json
import socket
from typing import Any

import pytest

from tests.integration.ingest import BOTH, EVENT, GUIDE, MARK, NATIVE, TAKEN
from tests.sidecar_process import API, JSON, Sidecar, running_sidecar
from tests.waiting import until


def body(rest: bytes) -> bytes:
    """An event with `rest` as the value of one more field."""
    return b'{"session_id":"s","event_type":"PRE_TOOL_USE","mark":"' + MARK.encode() + b'","c":' + rest + b"}"


REFUSED = {
    "not JSON": MARK.encode(),
    "a string": json.dumps(MARK).encode(),
    "a number": b"42",
    "null": b"null",
    "no session": b'{"mark":"xyzzy-mark"}',
    "a session that is a number": b'{"session_id":5,"mark":"xyzzy-mark"}',
    "a session that is null": b'{"session_id":null}',
    "an empty session": b'{"session_id":""}',
    "empty": b"",
    "blank": b" \n",
    "a raw NUL": body(b'"a\x00b"'),
    "NULs": b"\x00" * 10,
    "NaN": body(b"NaN"),
    "Infinity": body(b"-Infinity"),
    "10,000 arrays": body(b"[" * 10_000 + b"]" * 10_000),
    "10,000 objects": body(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "10,000 open objects": b'{"a":' * 10_000,
    "invalid UTF-8": body(b'"\xff\xfe"'),
    "UTF-16": body(b"1").decode().encode("utf-16"),
    "the half of it": body(b"1")[:-10],
    "more behind it": body(b"1") + b" xyzzy-mark",
    "an event id that is no string": body(b'1,"event_id":{"a":"xyzzy-mark"}'),
    "an event id with blanks": body(b'1,"event_id":"xyzzy-mark b"'),
    "an event id that is empty": body(b'1,"event_id":""'),
    "an event id that is too long": body(b'1,"event_id":"' + b"a" * 129 + b'"'),
}


@BOTH
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_event_is_refused_and_not_quoted(sidecar: Sidecar, route: str, case: str) -> None:
    """A body that is no event gets a 400 in JSON that says why, quotes nothing of it, and leaves nothing behind."""
    before = sidecar.count()
    answer = sidecar.post(route, REFUSED[case])
    assert 400 == answer.status_code
    assert answer.json()["error"]
    assert MARK.encode() not in answer.content
    assert before == sidecar.count()
    assert TAKEN[route] == sidecar.post(route, EVENT).status_code


KEPT: dict[str, tuple[bytes, str, Any]] = {
    "lone surrogates": (body(b'"\\ud800 x \\udfff"'), "payload->>'c'", "\ufffd x \ufffd"),
    "a raw surrogate": (body(b'"\xed\xa0\x80"'), "payload->>'c'", "\ufffd"),
    "a session of a surrogate": (b'{"session_id":"a\\ud83d"}', "session_id", "a\ufffd"),
    "an escaped NUL": (body(b'"a\\u0000b"'), "payload->'c'", '"a\\u0000b"'),
    "a session with a NUL": (b'{"session_id":"a\\u0000b"}', "session_id", "a\0b"),
    "2^64": (body(b"18446744073709551616"), "payload->'c'", "18446744073709551616"),
    "200 digits": (body(b"9" * 200), "payload->'c'", "9" * 200),
    "5,000 digits": (body(b"9" * 5000), "payload->>'c'", "9" * 5000),
    "beyond a double": (body(b"1e999"), "payload->'c'", "null"),
    "150 levels": (body(b"[" * 150 + b"]" * 150), "payload->'c'", "[" * 150 + "]" * 150),
    "a byte order mark": (b"\xef\xbb\xbf" + body(b'"marked"'), "payload->>'c'", "marked"),
    "a key twice": (b'{"session_id":"first","session_id":"second"}', "session_id", "second"),
    "fields of wrong types": (b'{"session_id":"s","tool_name":3,"cwd":[],"tool_input":1}', "tool_name", None),
    "a session of a megabyte": (b'{"session_id":"' + b"s " * 500_000 + b'"}', "length(session_id)", 512),
    "a duration of ages": (body(b'1,"duration_ms":1e308,"execution_time_ms":1e308'), "execution_time_ms", None),
    "a time before time": (body(b'1,"timestamp":"0001-01-01T00:00:00+14:00"'), "occurred_at = received_at", True),
}


@BOTH
@pytest.mark.parametrize("case", KEPT)
def test_strange_values_are_kept_and_readable(sidecar: Sidecar, route: str, case: str) -> None:
    """What is JSON with a session is kept whatever its values are, and SQL reads it."""
    sent, column, expected = KEPT[case]
    assert TAKEN[route] == sidecar.post(route, sent).status_code
    assert [[expected]] == sidecar.sql(f"SELECT {column} FROM events ORDER BY seq DESC LIMIT 1")


def test_no_value_breaks_the_views(sidecar: Sidecar) -> None:
    """After all kinds of values every view still answers."""
    for sent, _, _ in KEPT.values():
        sidecar.post(GUIDE, sent)
        sidecar.post(NATIVE, sent.replace(b"{", b'{"hook_event_name":"PostToolUse","tool_name":"T",', 1))
    for view in ("sessions", "turns", "tool_calls", "tool_stats", "errors", "redaction_stats"):
        assert 200 == sidecar.ask(f"SELECT * FROM {view}").status_code


@BOTH
@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        (None, False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("application/jsonx", False),
        ("APPLICATION/JSON; charset=utf-8", True),
    ],
)
def test_only_json_is_taken(sidecar: Sidecar, route: str, content_type: str | None, taken: bool) -> None:
    """Anything but a JSON content type is refused with 415, so that no web form can post an event."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = sidecar.raw("POST", route, json.dumps(EVENT).encode(), headers)
    assert (TAKEN[route] if taken else 415) == answer.status_code


@BOTH
@pytest.mark.parametrize("encoding", ["gzip", "Deflate", "gzip, identity"])
def test_compression_is_refused_by_name(sidecar: Sidecar, route: str, encoding: str) -> None:
    """A compressed body is a 415 that says so, also when the same head came uncompressed before; plain ones pass."""
    compressed = gzip.compress(json.dumps(EVENT).encode())
    for _ in range(3):  # a head that was seen before goes another way
        answer = sidecar.raw("POST", route, compressed, {**JSON, "Content-Encoding": encoding})
        assert (415, "compressed bodies are not supported") == (answer.status_code, answer.json()["error"])
        assert "uncompressed" in answer.json()["hint"]
        assert TAKEN[route] == sidecar.post(route, EVENT, headers={"Content-Encoding": "identity"}).status_code


@BOTH
def test_other_methods_are_refused(sidecar: Sidecar, route: str) -> None:
    """Only POST is taken; everything else is a 405 in JSON that says so where clients look (RFC 9110, 15.5.6)."""
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = sidecar.raw(method, route)
        assert 405 == answer.status_code
        assert "POST" in answer.headers["allow"]
        assert answer.json()


@BOTH
def test_a_trailing_slash_changes_nothing(sidecar: Sidecar, route: str) -> None:
    """A URL with a slash behind it is the same URL."""
    assert TAKEN[route] == sidecar.post(route + "/", EVENT).status_code


@pytest.mark.parametrize("path", ["", "/", "/nobody", "/claude-code/more", "/%00"])
def test_an_unknown_agent_is_told_the_known_ones(sidecar: Sidecar, path: str) -> None:
    """A 404 names the agents that there are."""
    answer = sidecar.raw("POST", "/api/v1/hooks" + path, json.dumps(EVENT).encode(), JSON)
    assert 404 == answer.status_code
    assert "claude-code" in answer.json()["hint"]


@BOTH
def test_chunked_bodies_are_taken(sidecar: Sidecar, route: str) -> None:
    """A body in chunks is as good as one with a length."""
    raw = json.dumps(EVENT).encode()
    assert TAKEN[route] == sidecar.raw("POST", route, iter([raw[:5], raw[5:]]), JSON).status_code


def _raw(sidecar: Sidecar, data: bytes) -> bytes:
    """Sends bytes, ends sending, and reads what comes until the other side hangs up or two seconds pass."""
    answer = b""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=2) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while chunk := client.recv(65_536):
                answer += chunk
        except OSError:
            pass
    return answer


def _head(route: str, *more: str) -> bytes:
    lines = [f"POST {route} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *more]
    return "\r\n".join([*lines, "", ""]).encode()


@BOTH
def test_a_client_that_hangs_up_leaves_nothing(sidecar: Sidecar, route: str) -> None:
    """Half a body is no event."""
    before = sidecar.count()
    assert b"" == _raw(sidecar, _head(route, "Content-Length: 1000") + b'{"session_id":"' + MARK.encode())
    assert before == sidecar.count()


@BOTH
@pytest.mark.parametrize(
    "head", [("Content-Length: 5", "Content-Length: 6"), ("Content-Length: -1",), ("Transfer-Encoding: chunked",)]
)
def test_broken_framing_is_a_400(sidecar: Sidecar, route: str, head: tuple[str, ...]) -> None:
    """Two lengths, a negative one, a chunk without a size: 400, connection closed, nothing quoted."""
    answer = _raw(sidecar, _head(route, *head) + b"ZZ\r\n" + MARK.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert MARK.encode() not in answer


def test_a_head_without_end_is_not_kept(sidecar: Sidecar) -> None:
    """Request line and headers are bounded: one that goes on for ever is hung up on, not collected."""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=10) as client:
        client.sendall(_head(NATIVE)[:-2] + b"X: ")
        with pytest.raises(OSError):
            client.sendall(b"a" * 64_000_000)
    assert 204 == sidecar.post(NATIVE, EVENT).status_code


def test_a_client_that_leaves_before_the_answers_is_not_an_error() -> None:
    """Requests that a client does not wait for are done, and nobody writes a traceback about it."""
    raw = json.dumps(EVENT).encode()
    with running_sidecar() as sidecar:  # its own: nobody is told how many of them are done, and when
        with socket.create_connection(("127.0.0.1", sidecar.port)) as client:
            client.sendall((_head(NATIVE, f"Content-Length: {len(raw)}") + raw) * 5)
            client.recv(10)
        until(lambda: sidecar.count() > 0, "a request is done", sidecar.output)
        sidecar.stop()
        assert "Traceback" not in sidecar.output()


@pytest.mark.parametrize("key", ["a b", "x" * 200, "\xe9", "someone@example.org"])
@BOTH
def test_a_bad_idempotency_key_is_refused(sidecar: Sidecar, route: str, key: str) -> None:
    """A key that is no id, or holds personal data, is a 400."""
    assert 400 == sidecar.post(route, EVENT, headers={"Idempotency-Key": key.encode("latin-1")}).status_code


def test_an_id_is_stored_once(sidecar: Sidecar) -> None:
    """A repeated id, given by the client or by an earlier answer, is acknowledged again and not stored again."""
    given = sidecar.post(GUIDE, EVENT).json()["event_id"]
    before = sidecar.count()
    assert given == sidecar.post(GUIDE, {**EVENT, "event_id": given}).json()["event_id"]
    for key in (given, f'"{given}"'):  # as clients send it, and as its draft standard wants it
        assert 204 == sidecar.post(NATIVE, EVENT, headers={"Idempotency-Key": key}).status_code
    assert before == sidecar.count()
    assert "error" not in sidecar.health()["components"]["journal"]


def test_what_is_acknowledged_beside_a_repeat_is_read_at_once(sidecar: Sidecar) -> None:
    """The journal's last number is that of the newest event, also when a repeat was committed after it."""
    sidecar.post(GUIDE, {**EVENT, "event_id": "repeat"})
    before = sidecar.health()["components"]["journal"]["last_seq"]
    sidecar.post(GUIDE, [EVENT, {**EVENT, "event_id": "repeat"}])
    assert before + 1 == sidecar.health()["components"]["journal"]["last_seq"]


def test_agents_of_any_name_do_not_swell_the_metrics(sidecar: Sidecar) -> None:
    """An agent's name is a label only when it looks like one, and there are at most fifty."""
    names = [f"agent-{number}" for number in range(200)]
    sidecar.post(GUIDE, [{**EVENT, "agent": name} for name in [MARK + " " * 5, "x" * 1000, *names]])
    lines = sidecar.get("/metrics").text.splitlines()
    assert len([line for line in lines if line.startswith("leanvibe_events_processed_total")]) < 100
    assert MARK not in "\n".join(lines)


def test_nothing_of_a_body_is_ever_logged(sidecar: Sidecar) -> None:
    """After all of the above, stdout and stderr of front and worker hold no part of a body and no traceback."""
    assert 200 == sidecar.raw("GET", f"{API}/events?limit=1", headers=sidecar.bearer).status_code
    assert MARK not in sidecar.output()
    assert "Traceback" not in sidecar.output()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=1001", "limit is a number from 1 to 1000"),
        ("failed=maybe", "failed: expected `bool"),
        ("since=yesterday", "since='yesterday' is no time"),
        ("since=2026-01-31T12:00:00Z&until=soon", "until='soon' is no time"),
        ("sesion_id=s", "did you mean session_id?"),
        ("nope=1", "there are session_id, agent"),
    ],
)
def test_a_wrong_filter_is_told(sidecar: Sidecar, query: str, told: str) -> None:
    """A filter that is unknown or has no usable value is a 400 that says what would be: never all events."""
    answer = sidecar.get(f"{API}/events?{query}")
    assert 400 == answer.status_code
    assert told in answer.json()["error"] + answer.json()["hint"]


@pytest.mark.parametrize("body", [{"q": MARK}, {}, [], {"query": "SELECT 1", MARK: 1}, b""])
def test_a_wrong_body_is_told(sidecar: Sidecar, body: object) -> None:
    """Who sends another body than SQL's is told which fields it has, and nothing of what was sent."""
    answer = sidecar.post(f"{API}/sql", body, headers=sidecar.bearer)
    assert 400 == answer.status_code
    assert "the body is a JSON object with query" in answer.json()["error"]
    assert MARK not in answer.text


def test_a_field_of_another_type_is_told(sidecar: Sidecar) -> None:
    """What a field should be is said, what it was is not."""
    replay = sidecar.post(f"{API}/replay", {"sink": "redis", "after": MARK}, headers=sidecar.bearer)
    rotate = sidecar.post("/api/v1/access/rotate", {"tokens": [MARK]}, headers=sidecar.bearer)
    assert (400, True) == (replay.status_code, "after: expected `int`" in replay.json()["error"])
    assert (400, False) == (rotate.status_code, MARK in rotate.text)
