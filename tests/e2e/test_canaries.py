"""Canaries of many kinds, everywhere in what a client can send, into the real sidecar with every sink on."""

import contextlib
import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest
from websockets.sync.client import ClientConnection

from tests.e2e.canaries import KINDS, Canaries, guide, native
from tests.e2e.replay import Sinks, stream, table, text_of, with_every_sink
from tests.servers import Server
from tests.sidecar_process import API, Sidecar

MAX_BODY = 100_000
LENGTHS = (256, 512, 2000)
"""Characters of names and errors that are kept somewhere."""
SINKS = ("redis", "postgres", "otlp", "otlp-logs")


class Flight(NamedTuple):
    """What was planted, and every place that was looked at afterwards."""

    canaries: Canaries
    places: dict[str, bytes]
    rows: int


@pytest.fixture(scope="module", name="flight")
def _flight(redis_server: Server, postgres_server: Server) -> Iterator[Flight]:
    settings = {"LEANVIBE_MAX_BODY_BYTES": str(MAX_BODY), "LEANVIBE_CAPTURE_CONTENT": "true"}
    with with_every_sink(redis_server, postgres_server, LEANVIBE_LOG_LEVEL="DEBUG", **settings) as (sidecar, sinks):
        canaries = Canaries()
        _listen(sidecar, canaries)
        with sidecar.live() as tap:
            answers = [*_take(sidecar, canaries), *_refuse(sidecar, canaries)]
            sidecar.wait_for_sinks(*SINKS)
            seen = _seen(tap)
        rows = len(sidecar.sql("SELECT seq FROM events"))
        yield Flight(canaries, {**_places(sidecar, sinks), **_said(answers), "the live feed": seen}, rows)


def _take(sidecar: Sidecar, canaries: Canaries) -> Iterator[httpx.Response]:
    """Everything that is taken: natively, as the guide's events, in batches, too large, with an id beside it."""
    for body in native(canaries):
        yield sidecar.post_native(body)
    yield sidecar.post_guide(guide(canaries))
    for event in guide(canaries):
        yield sidecar.post_guide({**event, "event_id": None})
    lines = "\n".join(json.dumps({**event, "event_id": None}) for event in guide(canaries))
    yield sidecar.post_guide(lines.encode(), headers={"Content-Type": "application/x-ndjson"})
    for kind in KINDS:
        yield sidecar.post_native(_too_large(canaries, kind))
        yield sidecar.post_guide(_too_large(canaries, kind))
        for length in LENGTHS:
            yield sidecar.post_native({}, headers=_beside(canaries, kind, length))


def _beside(canaries: Canaries, kind: str, length: int) -> dict[str, str]:
    """Headers of a hook, each so long that a cut at `length` would leave one half of what it holds."""
    headers = {}
    for name in ("Agent-Id", "Agent-Name", "Session-Id", "Event"):
        text = canaries.text(kind, f"{name} of {length}").replace("\n", " ")
        headers[f"X-LeanVibe-{name}"] = "x" * (length - len(text) // 2 - 1) + " " + text
    return headers


def _too_large(canaries: Canaries, kind: str) -> dict[str, object]:
    text = canaries.text
    return {
        "session_id": text(kind, "the head of a large body"),
        "cwd": text(kind, "cwd of a large body"),
        "agent_id": text(kind, "agent_id of a large body"),
        "tool_response": text(kind, "a large body") + "x" * MAX_BODY + text(kind, "the end of a large body"),
        "tool_name": text(kind, "the tail of a large body"),
        "hook_event_name": text(kind, "the last of a large body"),
    }


def _refuse(sidecar: Sidecar, canaries: Canaries) -> Iterator[httpx.Response]:
    """Everything that is refused: what is no JSON, no event, for no agent, or has a secret for an id."""
    event = {"session_id": "s", "hook_event_name": "Stop"}
    for kind in KINDS:
        text = canaries.text(kind, "what is refused")
        key = text.encode().decode("latin-1").replace("\n", " ")
        yield sidecar.post_native(event, headers={"Idempotency-Key": key})
        yield sidecar.post_guide({**event, "event_id": text})
        yield sidecar.post_guide([{**event, "event_id": text}, text, [text], {text: text}])
        yield sidecar.post_native(text.encode())
        yield sidecar.post_native(json.dumps({**event, "prompt": text}).encode()[:-3])
        yield sidecar.post_native([text])
        yield sidecar.post_native({"prompt": text})
        yield sidecar.post_native(event, headers={"Content-Type": text.replace("\n", " ")})
        yield sidecar.post_native(event, agent=text.replace("/", "-").replace("?", "-").replace("\n", "-"))
        yield sidecar.get("/" + text.replace("\n", ""), params={"token": text})
        yield sidecar.get(f"{API}/events", params={"session_id": text, "since": text, "limit": text})
        yield sidecar.get(f"{API}/events", params={"session_id": text, "until": text})
        yield sidecar.ask(f"SELECT 1 WHERE '{text}' = '{text}' AND nothing")


def _listen(sidecar: Sidecar, canaries: Canaries) -> None:
    """Taps that ask for a secret, written plainly and with every letter as an escape."""
    for kind in KINDS:
        where = "what a tap asks for"
        plain, coded = canaries.text(kind, where), _coded(canaries.text(kind, where))
        canaries.planted[coded] = f"{kind} in escapes in {where}"
        for value in (quote(plain), coded):
            with sidecar.live(f"?session_id={value}"):
                pass


def _coded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _seen(tap: ClientConnection) -> bytes:
    frames: list[bytes] = []
    with contextlib.suppress(TimeoutError):
        while True:
            frame = tap.recv(timeout=1)
            frames.append(frame.encode() if isinstance(frame, str) else frame)
    return b"\n".join(frames)


def _said(answers: list[httpx.Response]) -> dict[str, bytes]:
    return {
        f"answer {number} to {answer.request.method}": answer.content + repr(answer.headers).encode()
        for number, answer in enumerate(answers)
    }


def _places(sidecar: Sidecar, sinks: Sinks) -> dict[str, bytes]:
    """Everything that the sidecar wrote, sent or tells."""
    requests = {f"OTLP request {number}": one.body for number, one in enumerate(sinks.receiver.requests)}
    return {
        **requests,
        **sidecar.files(),
        "Redis": text_of(stream(sinks.redis_url)),
        "PostgreSQL": text_of(table(sinks.dsn)),
        "rows": text_of(sidecar.sql("SELECT * FROM events")),
        "spans": text_of(sidecar.sql("SELECT * FROM spans")),
        "events": sidecar.get(f"{API}/events", params={"limit": 1000}).content,
        "metrics": sidecar.get("/metrics").content,
        "health": sidecar.get(f"{API}/health").content,
    }


def test_canaries_are_nowhere(flight: Flight) -> None:
    """No canary is in a file, a sink, an answer, a frame, a metric or a line that was printed."""
    assert [] == flight.canaries.found_in(flight.places)


def test_canaries_were_planted(flight: Flight) -> None:
    """There were many, in events that were taken and reached every place."""
    assert 500 < len(flight.canaries.planted)
    assert 200 < flight.rows
    assert b"[API_KEY_REDACTED]" in flight.places["rows"]
    for place in ("Redis", "PostgreSQL", "the live feed", "events"):
        assert b"[EMAIL_REDACTED]" in flight.places[place]


def test_the_live_feed_raised_the_alarm(flight: Flight) -> None:
    """Secrets of known vendors were told of, by rule and place, to who was watching."""
    messages = [json.loads(frame) for frame in flight.places["the live feed"].splitlines()]
    alerts = [alert for message in messages for alert in message.get("alerts", ())]

    assert {"rule", "path", "session_id", "seq"} == set(alerts[0])
    assert "tool_response.stdout" in {alert["path"] for alert in alerts}
    assert b"leanvibe_secret_leaks_total{kind=" in flight.places["metrics"]


def test_all_of_it_is_found_where_it_stands() -> None:
    """The search could find every canary: it is in the payload that was posted."""
    canaries = Canaries()
    sent = json.dumps([native(canaries), guide(canaries)]).encode()

    assert len(canaries.planted) == len(canaries.found_in({"sent": sent}))
