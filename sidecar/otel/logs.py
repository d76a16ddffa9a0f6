"""Hook event → log record, at once: long before its span exists the record points at it."""

import re

import msgspec

from sidecar.events import HookEvent
from sidecar.otel import loose, semconv
from sidecar.otel.agent_spans import messages
from sidecar.otel.digest import MAX_WORD, Digest, digest_of
from sidecar.otel.kinds import TOOL_KINDS, Kind, kind_of
from sidecar.otel.log_model import LogRecord, Severity
from sidecar.otel.model import NANOS_PER_MICRO, Attributes
from sidecar.otel.scope import scope_of
from sidecar.otel.tool_spans import tool_type

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STRANGE = re.compile(r"[^a-z0-9_]+")

_SESSION_WORDS = frozenset({"SessionStart", "SessionEnd"})
"""Their payloads say how a session began, or why it ended."""
_OF_THE_SESSION = frozenset({"Setup", "SessionStart", "InstructionsLoaded", "SessionEnd"})
"""Outside every turn, whatever prompt they name: after `/clear` or `/cost` it is one that makes no turn."""


class _Session(msgspec.Struct):
    source: msgspec.Raw = loose.ABSENT
    reason: msgspec.Raw = loose.ABSENT


def log_of(event: HookEvent, *, capture_content: bool = False) -> LogRecord:
    """The log record of one event.

    Args:
        event: redacted.
        capture_content: adds prompts, answers, tool inputs and results, capped as on spans.
    """
    one = digest_of(event, capture_content=capture_content)
    trace_id, span_id = _span_of(event)
    failed = one.error_type is not None or event.success is False
    return LogRecord(
        event_id=event.event_id,
        event_name=event_name_of(event.hook_event_name),
        at_ns=event.occurred_at * NANOS_PER_MICRO,
        observed_ns=event.received_at * NANOS_PER_MICRO,
        severity=Severity.WARN if failed else Severity.INFO,
        body=f"{event.hook_event_name[:MAX_WORD]} {one.tool or ''}".rstrip(),
        service=event.agent,
        attributes=_identity(event) | _about(event, one) | _measures(one) | _content(one),
        trace_id=trace_id,
        span_id=span_id,
    )


def event_name_of(hook_event_name: str) -> str:
    """`claude_code.hook.pre_tool_use` for `PreToolUse` and for the guide's `PRE_TOOL_USE`."""
    snake = _STRANGE.sub("_", _HUMP.sub("_", hook_event_name[:MAX_WORD]).lower())
    return f"{semconv.HOOK_EVENT_PREFIX}{snake}"


def _span_of(event: HookEvent) -> tuple[str | None, str | None]:
    """The span that the event belongs to, as far as it is known at once that there will be one.

    Without a prompt only an event that opens a turn, or names its call, is sure of its span; one outside
    every turn has no trace either.
    """
    if event.hook_event_name in _OF_THE_SESSION:
        return None, None
    kind = kind_of(event.hook_event_name, event.tool_name, event.agent_id)
    if event.prompt_id:
        return event.trace_id, event.span_id
    if kind in {Kind.PASSIVE, Kind.SESSION_END, Kind.NOTIFICATION, Kind.ECHO}:
        return None, None
    sure = kind in {Kind.OPEN, Kind.PRE} or (kind in TOOL_KINDS and event.tool_use_id)
    return event.trace_id, event.span_id if sure else None


def _identity(event: HookEvent) -> Attributes:
    return {
        **scope_of(event).shared(),
        semconv.LOG_RECORD_UID: event.event_id,
        semconv.EVENT_SEQUENCE: event.seq,
    }


def _about(event: HookEvent, one: Digest) -> Attributes:
    """What the event speaks of, by the names that its span has."""
    tells = event.hook_event_name in _SESSION_WORDS
    session = (loose.typed(event.payload, _Session) if tells else None) or _Session()
    found = {
        semconv.TOOL_NAME: one.tool,
        semconv.TOOL_TYPE: tool_type(one.tool) if one.tool else None,
        semconv.TOOL_CALL_ID: one.call_id,
        semconv.AGENT_ID: event.agent_id,
        semconv.AGENT_NAME: one.owner_type if one.owner else None,
        semconv.PERMISSION_MODE: one.mode,
        semconv.REASONING_LEVEL: one.effort,
        semconv.NOTIFICATION_TYPE: one.label if one.kind is Kind.NOTIFICATION else None,
        semconv.COMPACT_TRIGGER: one.label if one.kind is Kind.COMPACT_START else None,
        semconv.SESSION_SOURCE: _word(session.source),
        semconv.SESSION_END_REASON: _word(session.reason),
        semconv.ERROR_TYPE: one.error_type,
    }
    return {name: value for name, value in found.items() if value}


def _measures(one: Digest) -> Attributes:
    found = {
        semconv.PROMPT_LENGTH: one.count if one.kind is Kind.OPEN else None,
        semconv.BACKGROUND_TASKS_COUNT: one.count if one.kind is Kind.STOP else None,
        semconv.TOOL_DURATION_MS: one.duration_ms,
        semconv.TOOL_INPUT_SIZE: one.input_size or None,
        semconv.TOOL_RESULT_SIZE: one.result_size or None,
        semconv.PROCESS_EXIT_CODE: one.exit_code,
    }
    return {name: value for name, value in found.items() if value is not None}


def _content(one: Digest) -> Attributes:
    if one.kind not in TOOL_KINDS:
        return messages([one], one.owner)
    given, got = one.content
    found = {semconv.TOOL_CALL_ARGUMENTS: given, semconv.TOOL_CALL_RESULT: got}
    return {name: text for name, text in found.items() if text}


def _word(raw: msgspec.Raw) -> str | None:
    found = loose.typed(raw, str)
    return found[:MAX_WORD] if found else None
