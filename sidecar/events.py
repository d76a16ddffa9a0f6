"""The event that everyone shares: its fields, its vocabulary, its public form. Pure data."""

import datetime as dt
import enum
from typing import Any

import msgspec

PROBE_EVENT = "LeanvibeProbe"
"""`hook_event_name` of the events that `leanvibe doctor` sends: left out of metrics and of the views for people."""

BEGINS_NO_SESSION = frozenset({PROBE_EVENT, "InstructionsLoaded"})
"""Events that alone are no session: a resumed client says what it loads under an id that it then throws away."""


class EventType(enum.StrEnum):
    """The integration guide's vocabulary, extended by what agents send today."""

    PRE_TOOL_USE = "PRE_TOOL_USE"
    POST_TOOL_USE = "POST_TOOL_USE"
    ERROR = "ERROR"
    AGENT_START = "AGENT_START"
    AGENT_STOP = "AGENT_STOP"
    USER_PROMPT = "USER_PROMPT"
    PERMISSION_REQUEST = "PERMISSION_REQUEST"
    NOTIFICATION = "NOTIFICATION"
    COMPACT = "COMPACT"
    OTHER = "OTHER"


class HookEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One hook event, redacted, as it stands in the journal and goes to every sink.

    Times are integer microseconds since the Unix epoch (UTC). `payload` is the whole redacted body as JSON
    bytes, of which SQL's `parameters` and `result` are parts. `seq` is 0 until the journal gave one.
    """

    seq: int = 0
    event_id: str
    received_at: int
    occurred_at: int
    host: str
    agent: str
    event_type: EventType
    hook_event_name: str
    session_id: str
    payload: msgspec.Raw
    prompt_id: str | None = None
    agent_id: str | None = None
    agent_type: str | None = None
    tool_name: str | None = None
    tool_use_id: str | None = None
    success: bool | None = None
    error: str | None = None
    execution_time_ms: float | None = None
    cwd: str | None = None
    redactions: dict[str, int] = {}
    redaction_failed: bool = False
    size_bytes: int = 0
    processing_time_ms: float = 0.0
    trace_id: str | None = None
    span_id: str | None = None


FIELDS: tuple[str, ...] = HookEvent.__struct_fields__
"""Names and order of the columns, in every sink, message and answer."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(HookEvent)


def encode(event: HookEvent) -> bytes:
    """The journal's form of an event: compact JSON."""
    return _encoder.encode(event)


def decode(seq: int, body: bytes) -> HookEvent:
    """The event of a journal row, with the row's sequence number.

    Raises:
        msgspec.DecodeError: the bytes are not an encoded event.
    """
    return msgspec.structs.replace(_decoder.decode(body), seq=seq)


def unreadable(seq: int, event_id: str, size_bytes: int) -> HookEvent:
    """What stands for a journal row whose body is damaged: its number and id, the content dropped with the reason."""
    return HookEvent(
        seq=seq,
        event_id=event_id,
        received_at=0,
        occurred_at=0,
        host="",
        agent="unknown",
        event_type=EventType.OTHER,
        hook_event_name="Unreadable",
        session_id="unreadable",
        payload=msgspec.Raw(b'{"content_dropped":{"reason":"journal_damaged"}}'),
        size_bytes=size_bytes,
    )


def iso(micros: int) -> str:
    """ISO 8601 in UTC with microseconds and a `Z`, from microseconds since the epoch."""
    moment = dt.datetime.fromtimestamp(micros // 1_000_000, tz=dt.UTC)
    return f"{moment.isoformat()[:19]}.{micros % 1_000_000:06d}Z"  # `%Y` leaves out the zeros of early years


def public(event: HookEvent) -> dict[str, Any]:
    """The event as the API and the WebSocket show it: every field of `FIELDS`, times in ISO 8601.

    `payload` stays raw JSON (`msgspec.Raw`), so encode the result with msgspec.
    """
    shown: dict[str, Any] = {name: getattr(event, name) for name in FIELDS}
    shown["received_at"] = iso(event.received_at)
    shown["occurred_at"] = iso(event.occurred_at)
    return shown
