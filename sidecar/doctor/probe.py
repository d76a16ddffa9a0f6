"""One marked event, followed from the hook's URL through journal and store to every sink."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from sidecar.doctor.finding import Finding, ok, wrong
from sidecar.errors import LeanvibeError
from sidecar.event_ids import new_event_id
from sidecar.events import PROBE_EVENT

API = "/api/v1/observability"
POST_SECONDS = 2.0
"""As long as the client would wait."""
HOP_SECONDS = 5.0
LOOK_SECONDS = 0.1


class Asks(Protocol):
    """A running sidecar that can be asked."""

    def get(self, path: str, seconds: float = ...) -> Any:
        """The decoded JSON of a GET; raises `LeanvibeError`."""


def probe(hook_url: str, client: Asks, token: str = "") -> Iterator[Finding]:
    """Sends the probe and follows it: a finding with its time for each hop.

    Args:
        hook_url: where the agent's hooks post to.
        client: asks the sidecar how far it is.
        token: what the hooks bring; empty when they bring none.
    """
    session = f"leanvibe-probe-{new_event_id(time.time_ns() // 1000)}"
    started = time.monotonic()
    failure = _post(hook_url, {"session_id": session, "hook_event_name": PROBE_EVENT}, token)
    if failure:
        yield wrong("probe: journal", f"a probe to {hook_url} was not taken: {failure}", "is it the sidecar's URL?")
        return
    yield ok("probe: journal", f"{hook_url} took a probe: redacted and on disk", _since(started))
    seq = _until(lambda: _stored(client, session))
    if seq is None:
        yield wrong("probe: store", f"the probe is not stored after {HOP_SECONDS:g} s", "see leanvibe status")
        return
    yield ok("probe: store", "stored, and found by SQL", _since(started))
    yield from _sinks(client, seq, started)


def _sinks(client: Asks, seq: int, started: float) -> Iterator[Finding]:
    waiting = set(_state(client))
    while waiting and time.monotonic() - started < HOP_SECONDS:
        passed = {name for name, sink in _state(client).items() if name in waiting and sink["seq"] >= seq}
        for name in sorted(passed):
            yield ok(f"probe: {name}", "delivered", _since(started))
        waiting -= passed
        time.sleep(LOOK_SECONDS if waiting else 0)
    for name in sorted(waiting):
        reason = _state(client).get(name, {}).get("last_error") or "no error is known"
        todo = "start that server or correct its setting; what waits is delivered then"
        yield wrong(f"probe: {name}", f"not delivered after {HOP_SECONDS:g} s: {reason}", todo)


def _post(url: str, body: Mapping[str, Any], token: str) -> str | None:
    """Why the probe was not taken; None when it was."""
    request = urllib.request.Request(  # noqa: S310  http by construction
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=POST_SECONDS):
            return None
    except (OSError, ValueError) as error:
        return str(error)


def _stored(client: Asks, session: str) -> int | None:
    try:
        events = client.get(f"{API}/events?session_id={session}")["events"]
    except LeanvibeError:
        return None
    return int(events[0]["seq"]) if events else None


def _state(client: Asks) -> dict[str, Any]:
    try:
        sinks: dict[str, Any] = client.get(f"{API}/health")["sinks"]
    except LeanvibeError:
        return {}
    return sinks


def _until(ask: Callable[[], int | None]) -> int | None:
    give_up_at = time.monotonic() + HOP_SECONDS
    while (found := ask()) is None and time.monotonic() < give_up_at:
        time.sleep(LOOK_SECONDS)
    return found


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
