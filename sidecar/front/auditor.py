"""Puts on record what requests read and change: off the event loop, bounded, and refusing what cannot be recorded."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from litestar.types import Scope

from sidecar.audit.trail import AuditTrail
from sidecar.errors import AuditError, said_of
from sidecar.redact import PIIRedactor

MAX_WAITING = 256
"""Records that may wait for the disk; what would be one more is refused."""
COARSE_SECONDS = 60.0
MAX_COARSE = 256
"""Different things that are counted at once."""
MAX_TEXT = 32 * 1024
"""Characters of a text that is kept; of a longer one its hash and length."""
HINT = "see leanvibe status; what reads or changes is refused until it can be recorded"
NOTHING: Mapping[str, Any] = {}


def who_of(scope: Scope) -> dict[str, str]:
    """Who asks: by what it is let in, and from where."""
    named = {name for name, _ in scope["headers"]}
    actor = "token" if b"authorization" in named else "cookie" if b"cookie" in named else "nobody"
    client = scope.get("client")
    return {"actor": actor, "origin": client[0] if client and client[0] else "unix socket"}


@dataclass(slots=True)
class _Counted:
    """A record of which more of the same are only counted until `ends` (monotonic seconds)."""

    ends: float
    seq: int
    repeats: int = 0


class Auditor:
    """One thread writes; whoever must be on record waits for it, ingest never does.

    Args:
        trail: the files.
        redactor: takes secrets out of what is recorded, such as SQL.
        clock: monotonic seconds.
    """

    def __init__(self, trail: AuditTrail, redactor: PIIRedactor, clock: Callable[[], float] = time.monotonic) -> None:
        self._trail = trail
        self._redactor = redactor
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._waiting = 0
        self._coarse: dict[bytes, _Counted] = {}
        self.trouble: str | None = None
        """Why the last record could not be written; None once one could."""

    async def require(self, action: str, who: Mapping[str, Any], detail: Mapping[str, Any] = NOTHING) -> int:
        """Records what is about to be done; it is on disk when this returns. The record's number.

        Raises:
            AuditError: it could not be recorded: do not do it.
        """
        if self._waiting >= MAX_WAITING:
            raise AuditError("too many requests wait to be recorded", hint="send fewer at once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._write, action, dict(who), dict(detail))
        finally:
            self._waiting -= 1

    async def require_coarse(self, action: str, who: Mapping[str, Any], detail: Mapping[str, Any] = NOTHING) -> None:
        """As `require`, but the same again within a minute is only counted."""
        key = _key(action, who, detail)
        known = self._coarse.get(key)
        if known and self._clock() < known.ends:
            known.repeats += 1
            return
        self._coarse.pop(key, None)
        seq = await self.require(action, who, {**detail, **_repeats(known)})
        self._remember(key, seq)

    def refused(self, status: int, who: Mapping[str, Any]) -> None:
        """Counts a request that was not let in, with a record a minute for each status; nobody waits for it."""
        key = _key("refused", NOTHING, {"status": status})
        known = self._coarse.get(key)
        if known and self._clock() < known.ends:
            known.repeats += 1
            return
        self._remember(key, 0)
        with contextlib.suppress(RuntimeError):  # it is closed
            self._thread.submit(self.record, "refused", dict(who), {"status": status, **_repeats(known)})

    def record(self, action: str, who: Mapping[str, Any], detail: Mapping[str, Any] = NOTHING) -> None:
        """Records from a thread that may wait; a failure is only told by `trouble`."""
        with contextlib.suppress(AuditError):
            self._write(action, who, detail)

    def close(self) -> None:
        """Records what was only counted, and releases the thread. Safe to call twice."""
        counted, self._coarse = self._coarse, {}
        self._thread.shutdown()
        for known in counted.values():
            if known.repeats:
                self.record("repeats", NOTHING, {"of": known.seq, "repeats": known.repeats})

    def _remember(self, key: bytes, seq: int) -> None:
        if len(self._coarse) >= MAX_COARSE:  # the oldest makes room: its next one is a record of its own
            oldest = next(iter(self._coarse))
            del self._coarse[oldest]
        self._coarse[key] = _Counted(self._clock() + COARSE_SECONDS, seq)

    def _write(self, action: str, who: Mapping[str, Any], detail: Mapping[str, Any]) -> int:
        try:
            head = self._trail.append(action, who, self._kept(detail))
        except OSError as error:
            self.trouble = f"the audit trail cannot be written: {error.strerror or error}"
            raise AuditError(self.trouble, hint=HINT) from None
        except Exception as error:  # noqa: BLE001  what is in the files may be anything; nothing is done unrecorded
            self.trouble = f"the audit trail cannot be continued: {said_of(error)}"
            raise AuditError(self.trouble, hint=HINT) from None
        self.trouble = None
        return head.seq

    def _kept(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        """The detail without secrets, and without texts that are too long."""
        short = {name: _short(value) for name, value in detail.items()}
        found = self._redactor.redact(short)
        kept: dict[str, Any] = found.value if isinstance(found.value, dict) else {"redaction_failed": True}
        return kept


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        found = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        return {"characters": len(value), "sha256": found}
    return value


def _key(action: str, who: Mapping[str, Any], detail: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(
        repr((action, sorted(who.items()), sorted(detail.items()))).encode("utf-8", "replace")
    ).digest()


def _repeats(known: _Counted | None) -> dict[str, int]:
    return {"repeats": known.repeats} if known and known.repeats else {}
