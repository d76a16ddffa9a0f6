"""Laws of the guard around every route, where something changes while it waits."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.audit.trail import AuditTrail
from sidecar.errors import AuditError
from sidecar.front.auditor import MAX_COARSE, Auditor
from sidecar.front.known_heads import KnownHeads, parts_of
from sidecar.front.receive.access import AccessGuard
from sidecar.front.receive.guards import access_policy
from sidecar.redact import PIIRedactor

OLD, NEW = "old", "new"
SOCKET = {
    "type": "websocket", "path": "/api/v1/websocket/observability", "query_string": b"", "client": ("127.0.0.1", 1),
    "headers": [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer old")],
}  # fmt: skip
HOOK = b"POST /api/v1/hooks/claude-code HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
WHO = {"actor": "token", "origin": "127.0.0.1"}
WAIT = 3.0


class Slow:
    """An auditor during whose record something happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    async def require_coarse(self, *_: Any) -> None:
        """Waits, and lets it happen."""
        await asyncio.sleep(0)
        self._happens()

    def refused(self, *_: Any) -> None:
        """Nothing."""


def opened(happens: Callable[[AccessGuard], None]) -> list[str]:
    """What becomes of a WebSocket with the old token: what the application and the client got."""
    log: list[str] = []

    async def application(*_: Any) -> None:
        log.append("let in")

    async def send(message: Mapping[str, Any]) -> None:
        log.append(str(message["type"]))

    policy = access_policy("127.0.0.1", [], OLD)
    guard = AccessGuard(application, policy, Slow(lambda: happens(guard)))  # type: ignore[arg-type]
    asyncio.run(guard(SOCKET, None, send))  # type: ignore[arg-type]
    return log


def test_a_token_that_ends_while_the_record_is_written_opens_nothing() -> None:
    """A WebSocket that was let in by the old token, but is not open yet, is refused when the token changes."""
    assert ["let in"] == opened(lambda _: None)

    def changed(guard: AccessGuard) -> None:
        guard.policy = replace(guard.policy, token=NEW)

    assert ["websocket.close"] == opened(changed)


def test_new_tokens_make_known_heads_forgotten() -> None:
    """What the old token let through is looked at anew."""
    guard = AccessGuard(None, access_policy("127.0.0.1", [], OLD), None)  # type: ignore[arg-type]
    guard.heads = KnownHeads(lambda _: lambda _body, _answer: True)
    parts = parts_of(HOOK)
    assert parts
    guard.heads.learn(parts, {"headers": [(b"content-length", b"2")]})
    assert guard.heads.get(parts.key)

    guard.policy = replace(guard.policy, token=NEW)
    assert guard.heads.get(parts.key) is None


def test_what_cannot_be_recorded_opens_nothing() -> None:
    """A WebSocket whose record cannot be written is refused."""

    def broken(_: AccessGuard) -> None:
        raise AuditError("no")

    assert ["websocket.close"] == opened(broken)


def auditor(folder: Path, now: list[float]) -> Auditor:
    return Auditor(AuditTrail(folder), PIIRedactor(engine="python"), lambda: now[0])


def test_repeats_are_counted_and_the_count_is_recorded(tmp_path: Path) -> None:
    """The same within a minute is one record; its count stands in the next one, or in a record at the end."""
    now = [0.0]
    watch = auditor(tmp_path, now)

    async def ask(times: int) -> None:
        for _ in range(times):
            await watch.require_coarse("sql", WHO, {"query": "SELECT 1"})

    asyncio.run(ask(3))
    now[0] = 61.0
    asyncio.run(ask(2))
    watch.close()

    details = [(record["action"], record["detail"]) for record in AuditTrail(tmp_path).records()]
    again = {"query": "SELECT 1", "repeats": 2}
    assert [("sql", {"query": "SELECT 1"}), ("sql", again), ("repeats", {"of": 2, "repeats": 1})] == details


def test_one_failed_record_lets_no_repeat_through(tmp_path: Path) -> None:
    """As long as the first of its kind could not be recorded, the same again is refused, too."""
    watch = auditor(tmp_path, [0.0])
    (tmp_path / "audit.jsonl").mkdir()

    for _ in range(2):
        with pytest.raises(AuditError):
            asyncio.run(watch.require_coarse("sql", WHO, {"query": "SELECT 1"}))
    watch.close()


def test_what_is_counted_is_bounded(tmp_path: Path) -> None:
    """However many different things are refused or asked, only so many are counted at once."""
    watch = auditor(tmp_path, [0.0])
    for status in range(MAX_COARSE + 50):
        watch.refused(status, WHO)

    assert MAX_COARSE == len(watch._coarse)
    watch.close()


async def ended_by_a_new_token(guard: AccessGuard, deaf: asyncio.Event, closed: list[str]) -> None:
    """Opens two WebSockets, of which one does not read, and ends both."""

    async def send_to_deaf(message: Mapping[str, Any]) -> None:
        await deaf.wait()
        closed.append(f"deaf {message['type']}")

    async def send(message: Mapping[str, Any]) -> None:
        closed.append(f"other {message['type']}")

    sends = (send_to_deaf, send)
    following = [asyncio.create_task(guard(SOCKET, None, one)) for one in sends]  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    await asyncio.wait_for(guard.end_sockets("the token was changed"), WAIT)
    deaf_is_told = list(closed)
    deaf.set()
    await asyncio.sleep(0.01)
    assert ["other websocket.close"] == deaf_is_told
    for task in following:
        task.cancel()


def test_who_does_not_read_keeps_no_other_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new token ends every WebSocket at once, but one that does not read, which ends when it does."""
    monkeypatch.setattr("sidecar.front.receive.access.LEAVE_SECONDS", 0.05)
    closed: list[str] = []

    async def application(*_: Any) -> None:
        await asyncio.Event().wait()

    policy = access_policy("127.0.0.1", [], OLD)
    guard = AccessGuard(application, policy, Slow(lambda: None))  # type: ignore[arg-type]
    asyncio.run(ended_by_a_new_token(guard, asyncio.Event(), closed))

    assert ["other websocket.close", "deaf websocket.close"] == closed
