"""What the integration guide's suite is made of: its examples, and the front's own parts without HTTP around them."""

import asyncio
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from sidecar.agents import guide
from sidecar.errors import IngestError
from sidecar.events import HookEvent
from sidecar.front.acknowledge import Acknowledger
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.processor import HookEventProcessor
from sidecar.intake import Incoming
from sidecar.journal import JournalReader, JournalWriter
from sidecar.redact import PIIRedactor

EVENT_TYPES = ("PRE_TOOL_USE", "POST_TOOL_USE", "ERROR", "AGENT_START", "AGENT_STOP")

EXAMPLES = (
    ("user@example.com", "[EMAIL_REDACTED]"),
    ("555-123-4567", "[PHONE_REDACTED]"),
    ("123-45-6789", "[SSN_REDACTED]"),
    ("4532015112830366", "[CREDIT_CARD_REDACTED]"),
    ("/Users/john/file.txt", "/Users/[USER]/file.txt"),
    ("api_key=abc123def456", "api_key=[API_KEY_REDACTED]"),
)
"""What the guide says becomes what."""

TEXT, REDACTED = (" and ".join(words) for words in zip(*EXAMPLES, strict=True))
"""All examples in one text, before and after."""

HARMLESS = {
    "session_id": "0b6f0f2e-3c11-4c55-9d5e-1f0a52b1c111",
    "tool_use_id": "toolu_01A09q90qw90lq917835lq9",
    "timestamp": "2026-01-31T12:00:00Z",
    "parameters": {"command": "git status", "lines": [1, 2.5, None, True], "nested": {"a": {}}},
}
"""Nothing of this is on the guide's list."""

CURL = b"""{
    "session_id": "test-session",
    "agent_id": "test-agent",\x20
    "event_type": "PRE_TOOL_USE",
    "tool_name": "test"
  }"""
"""The body of the guide's curl command, to the letter."""

RESPONSE = {"status", "event_id", "processing_time_ms", "redacted", "performance_warnings"}
"""The keys of the guide's answer to an event."""

SECRETS = ("user@example.com", "555-123-4567", "123-45-6789", "4532015112830366", "john", "abc123def456")

FIELDS = {
    "password": "correct horse battery",
    **dict.fromkeys(("token", "secret", "key", "auth"), "k7Qm2xV9bT4w"),
    "email": "someone@intranet",
    "phone": "030 1234567",
    "ssn": "078051120",
    "credit_card": "4532 0151",
    "database_url": "mysql://db.internal/shop",
    "connection_string": "Server=db;Database=shop",
}
"""The field names that the guide lists, each with a value that shows only by its name what it is."""

BAD_BODIES = (b"", b"not JSON", b"\xff", b"3", b"null", b'"text"', b"{}", b'{"session_id":5}', b'{"session_id":""}')
"""No event: not JSON, no object, no session."""

METRICS = (
    "leanvibe_events_processed_total",
    "leanvibe_processing_duration_seconds_bucket",
    "leanvibe_avg_processing_time_ms",
    "leanvibe_error_rate",
)

PERFORMANCE = {
    "timestamp": "str",
    "performance": {
        "events_processed": "int",
        "events_failed": "int",
        "events_per_second": "float",
        "avg_processing_time_ms": "float",
        "success_rate": "float",
        "processing_time_percentiles": {"p50": "float", "p95": "float", "p99": "float"},
    },
    "health": "str",
    "degradation": {"is_degraded": "bool", "issues": "list", "warnings": "list"},
}
"""The shape of the performance answer: the guide's, and `events_failed`."""

HEALTH = {
    "status": "str",
    "service": "str",
    "version": "str",
    "pid": "int",
    "timestamp": "str",
    "components": {
        "hook_processor": {"status": "str"},
        "redaction": {"status": "str", "engine": "str"},
        "journal": {"status": "str", "last_seq": "int"},
        "worker": {"status": "str", "starts": "int"},
        "store": {
            "status": "str",
            "lag_events": "int",
            "sealed": {"files": "int", "events": "int", "bytes": "int"},
            "forgotten": {},
        },
        "live": {"status": "str", "clients": "int"},
        "audit": {"status": "str"},
        "tasks": {"status": "str"},
    },
    "sinks": {},
    "turns": {"running": "int", "oldest": "list"},
}
"""The shape of the health answer of a sidecar without sinks."""


def tool_event(session_id: str, **changes: object) -> dict[str, object]:
    """An event of a tool that has run, with every example in its parameters."""
    event = {"session_id": session_id, "agent_id": "agent-1", "event_type": "POST_TOOL_USE", "tool_name": "Bash"}
    return {**event, "parameters": {"text": TEXT}, "timestamp": "2026-01-31T12:00:00Z", **changes}


def shape(value: object) -> object:
    """The same keys, with the name of the type in place of each value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return type(value).__name__


def leaks(files: dict[str, bytes]) -> list[tuple[str, str]]:
    """Where one of the secrets stands, byte for byte: (file, secret)."""
    return [(name, secret) for name, content in files.items() for secret in SECRETS if secret.encode() in content]


class Clock:
    """A clock that only a test moves; seconds."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Ingest:
    """A processor on a real journal, for calls without an event loop around them.

    Args:
        folder: where the journal is.
        journal: its writer.
        runner: the loop on which everything happens.
    """

    def __init__(self, folder: Path, journal: JournalWriter, runner: asyncio.Runner) -> None:
        self._folder = folder
        self._runner = runner
        self.monitor = PerformanceMonitor()
        self.published: list[HookEvent] = []
        self._processor = runner.run(self._build(journal))
        self.close_journal = journal.close
        """Ends it, as a sidecar that stops does: nothing is durable any more."""

    def process(self, body: object) -> HookEvent:
        """Takes one event, of bytes as they are and of anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._runner.run(self._processor.process(content, guide.normalise))

    def process_many(self, *payloads: object) -> list[HookEvent | IngestError]:
        """Takes decoded events in one commit."""
        incoming = [Incoming(payload, 1) for payload in payloads]
        return self._runner.run(self._processor.process_many(incoming, guide.normalise))

    def take_now(self, *bodies: bytes) -> list[IngestError | None]:
        """Takes bodies in one turn of the event loop, as they come the short way; what became of each."""
        return self._runner.run(self._taken_now(bodies))

    async def _taken_now(self, bodies: Sequence[bytes]) -> list[IngestError | None]:
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[IngestError | None]] = [loop.create_future() for _ in bodies]
        for body, answer in zip(bodies, answers, strict=True):
            assert self._processor.take_now(body, guide.normalise, {}, answer.set_result)
            assert not answer.done()
        return await asyncio.gather(*answers)

    def journal(self) -> list[HookEvent]:
        """Every event that is durable."""
        with contextlib.closing(JournalReader(self._folder / "journal")) as reader:
            return reader.after(0, limit=1000)

    def close(self) -> None:
        """Releases the processor's threads."""
        self._processor.close()

    async def _build(self, journal: JournalWriter) -> HookEventProcessor:
        acknowledger = Acknowledger(journal, self.published.extend)
        return HookEventProcessor(PIIRedactor(), acknowledger, self.monitor, "this-host")


@contextlib.contextmanager
def ingest(folder: Path) -> Iterator[Ingest]:
    """A processor with an empty journal in `folder`."""
    with (
        asyncio.Runner() as runner,
        contextlib.closing(JournalWriter(folder / "journal")) as journal,
        contextlib.closing(Ingest(folder, journal, runner)) as running,
    ):
        yield running
