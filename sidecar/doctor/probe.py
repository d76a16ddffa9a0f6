"""One marked event, followed from the hook's URL through journal and store to every sink."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from sidecar.doctor.finding import Finding, ok, wrong
from sidecar.errors import LeanvibeError
from sidecar.event_ids import new_event_id
from sidecar.events import PROBE_EVENT
from sidecar.hooks.table import dir_option
from sidecar.paths import API

HOP_SECONDS = 5.0
LOOK_SECONDS = 0.1


class Asks(Protocol):
    """A running sidecar that can be asked."""

    def get(self, path: str, seconds: float = ...) -> Any:
        """The decoded JSON of a GET; raises `LeanvibeError`."""


def probe(
    hook_url: str, client: Asks, post: Callable[[dict[str, Any]], str | None], data_dir: Path | None = None
) -> Iterator[Finding]:
    """Sends the probe and follows it: a finding with its time for each hop.

    Args:
        hook_url: where the agent's hooks post to.
        client: asks the sidecar how far it is.
        post: sends an event there as the hooks do; says why it was not taken, None when it was.
        data_dir: the sidecar's; None for the one that commands find by themselves.
    """
    session = f"leanvibe-probe-{new_event_id(time.time_ns() // 1000)}"
    started = time.monotonic()
    failure = post({"session_id": session, "hook_event_name": PROBE_EVENT})
    if failure:
        yield wrong("probe: journal", f"a probe to {hook_url} was not taken: {failure}", "is it the sidecar's URL?")
        return
    yield ok("probe: journal", f"{hook_url} took a probe: redacted and on disk", _since(started))
    seq = _until(lambda: _stored(client, session))
    if seq is None:
        yield wrong(
            "probe: store",
            f"the probe is not stored after {HOP_SECONDS:g} s",
            f"see leanvibe status{dir_option(data_dir)}",
        )
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
