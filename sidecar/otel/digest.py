"""A digest: what spans need of one event, and no more, so that an open turn never holds payloads."""

import sys
from hashlib import blake2b

import msgspec

from sidecar.events import HookEvent
from sidecar.otel import failures, loose
from sidecar.otel.batch import MAX_TOOL_NAME, listed_in
from sidecar.otel.kinds import STOP_KINDS, Kind, is_guide, kind_of

MAX_CONTENT_BYTES = 8192
MAX_DURATION_MS = 1e12
MAX_WORD = 64
"""Characters of a word from the payload (a mode, a trigger) that goes onto a span."""

SPAWNERS = frozenset({"Agent", "Task"})
"""Tools that start subagents, by today's name and the former one."""

MAY_SPAWN = SPAWNERS | {"Skill"}
"""With those that do sometimes: a skill with `context: fork` is a subagent's work, and the answer names it."""

_ENDED = frozenset({"completed", "forked"})
"""`status` in an answer that came when the subagent had ended."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """One tool call as PostToolBatch lists it; `error_type` is the verdict in the text that the model saw."""

    call_id: str
    tool: str
    error_type: str | None


class Digest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event of a turn. `at` is its receipt in microseconds since the epoch.

    `owner` is the subagent that it belongs to, None for the main agent; `queue` tells agents apart where
    calls can only be paired by order. `label` and `count` mean what the kind says: the type of a
    notification or the trigger of a compaction; the length of a prompt or the background tasks at a Stop.
    `content` is (input, output), empty unless it is captured.
    """

    at: int
    seq: int
    event_id: str
    kind: Kind
    owner: str | None = None
    owner_type: str | None = None
    queue: str | None = None
    tool: str | None = None
    call_id: str | None = None
    error_type: str | None = None
    exit_code: int | None = None
    duration_ms: float | None = None
    input_mark: bytes = b""
    input_size: int = 0
    result_size: int = 0
    calls: tuple[Call, ...] = ()
    child: str | None = None
    child_ended: bool = False
    child_model: str | None = None
    running: tuple[str, ...] = ()
    mode: str | None = None
    effort: str | None = None
    label: str | None = None
    count: int | None = None
    content: tuple[str, str] = ("", "")

    @property
    def order(self) -> tuple[int, int, str]:
        """Sorts the events of a turn the same way, however they came in."""
        return self.at, self.seq, self.event_id


class _Payload(msgspec.Struct):
    """The fields of a payload that matter here, each still JSON."""

    tool_input: msgspec.Raw = loose.ABSENT
    parameters: msgspec.Raw = loose.ABSENT
    tool_response: msgspec.Raw = loose.ABSENT
    result: msgspec.Raw = loose.ABSENT
    tool_calls: msgspec.Raw = loose.ABSENT
    background_tasks: msgspec.Raw = loose.ABSENT
    error: msgspec.Raw = loose.ABSENT
    is_interrupt: msgspec.Raw = loose.ABSENT
    notification_type: msgspec.Raw = loose.ABSENT
    trigger: msgspec.Raw = loose.ABSENT
    permission_mode: msgspec.Raw = loose.ABSENT
    effort: msgspec.Raw = loose.ABSENT
    prompt: msgspec.Raw = loose.ABSENT
    last_assistant_message: msgspec.Raw = loose.ABSENT


class _Effort(msgspec.Struct):
    level: str | None = None


class _Task(msgspec.Struct):
    id: str
    type: str | None = None
    status: str | None = None


class _Launch(msgspec.Struct, frozen=True):
    agentId: str | None = None  # noqa: N815 - the client's own name
    status: str | None = None
    resolvedModel: str | None = None  # noqa: N815 - the same


_TELLS_MODE = STOP_KINDS | {Kind.OPEN, Kind.PRE}
_FAILS = frozenset({Kind.FAIL, Kind.AGENT_ERROR})
_NO_LAUNCH = _Launch()
_MARKED = frozenset({Kind.PRE, Kind.PERMISSION})
"""A permission request has no tool_use_id: its call is recognised by the same input."""


def digest_of(event: HookEvent, *, capture_content: bool = False) -> Digest:
    """What spans need of one event.

    Args:
        event: redacted; its payload is read field by field and never built as objects.
        capture_content: keeps input and output, at most `MAX_CONTENT_BYTES` each.
    """
    kind = kind_of(event.hook_event_name, event.tool_name, event.agent_id)
    guide = is_guide(event.hook_event_name)
    payload = loose.typed(event.payload, _Payload) or _Payload()
    error_type, exit_code = _failure(event, kind, payload)
    launch = _launch(event, kind, payload)
    arguments = payload.tool_input if payload.tool_input is not loose.ABSENT else payload.parameters
    result = payload.tool_response if payload.tool_response is not loose.ABSENT else payload.result
    return Digest(
        at=event.received_at,
        seq=event.seq,
        event_id=event.event_id,
        kind=kind,
        owner=None if guide else _shared(event.agent_id),
        owner_type=None if guide else _shared(event.agent_type),
        queue=_shared(event.agent_id),
        tool=_shared((event.tool_name or "")[:MAX_TOOL_NAME]),
        call_id=event.tool_use_id,
        error_type=error_type,
        exit_code=exit_code,
        duration_ms=_duration(event.execution_time_ms),
        input_mark=blake2b(arguments, digest_size=8).digest() if kind in _MARKED else b"",
        input_size=loose.size(arguments),
        result_size=loose.size(result),
        calls=_calls(payload) if kind is Kind.BATCH else (),
        child=_shared(launch.agentId),
        child_ended=launch.status in _ENDED,
        child_model=_word(launch.resolvedModel),
        running=_running(payload) if kind is Kind.STOP else (),
        mode=_word(loose.typed(payload.permission_mode, str)) if kind in _TELLS_MODE else None,
        effort=_effort(payload) if kind in _TELLS_MODE else None,
        label=_label(kind, payload),
        count=_count(kind, payload),
        content=_content(kind, payload, arguments, result) if capture_content else ("", ""),
    )


def _failure(event: HookEvent, kind: Kind, payload: _Payload) -> tuple[str | None, int | None]:
    if kind is Kind.DENIED:
        return failures.PERMISSION_DENIED, None
    if kind is Kind.STOP_FAILURE or (kind is Kind.SUBAGENT_STOP and event.success is False):
        return failures.api_error_of(event.error), None
    if kind in _FAILS or event.success is False:
        interrupted = loose.typed(payload.is_interrupt, bool) or False
        return failures.failure_of(event.error or loose.head(payload.error), interrupted=interrupted)
    return None, None


def _duration(value: float | None) -> float | None:
    """Milliseconds that can have passed; what cannot is as good as absent."""
    return float(value) if value is not None and 0 <= value <= MAX_DURATION_MS else None


def _launch(event: HookEvent, kind: Kind, payload: _Payload) -> _Launch:
    if kind is not Kind.POST or event.tool_name not in MAY_SPAWN:
        return _NO_LAUNCH
    return loose.typed(payload.tool_response, _Launch) or _NO_LAUNCH


def _calls(payload: _Payload) -> tuple[Call, ...]:
    return tuple(Call(one.call_id, one.tool, one.error_type) for one in listed_in(payload.tool_calls))


def _running(payload: _Payload) -> tuple[str, ...]:
    tasks = loose.each(payload.background_tasks, _Task)
    return tuple(task.id for task in tasks if task.type == "subagent" and task.status == "running")


def _effort(payload: _Payload) -> str | None:
    found = loose.typed(payload.effort, _Effort)
    return _word(found.level) if found else None


def _label(kind: Kind, payload: _Payload) -> str | None:
    """The type of a notification, the trigger of a compaction."""
    if kind is Kind.NOTIFICATION:
        return _word(loose.typed(payload.notification_type, str))
    return _word(loose.typed(payload.trigger, str)) if kind is Kind.COMPACT_START else None


def _count(kind: Kind, payload: _Payload) -> int | None:
    """Characters of the prompt that opens a turn, background tasks that a Stop says it leaves."""
    if kind is Kind.STOP:
        tasks = loose.typed(payload.background_tasks, list[msgspec.Raw])
        return None if tasks is None else len(tasks)
    prompt = loose.typed(payload.prompt, str) if kind is Kind.OPEN else None
    return None if prompt is None else len(prompt)


def _content(kind: Kind, payload: _Payload, given: msgspec.Raw, got: msgspec.Raw) -> tuple[str, str]:
    if kind is Kind.OPEN:
        return loose.cut(loose.typed(payload.prompt, str) or "", MAX_CONTENT_BYTES), ""
    if kind in STOP_KINDS or kind is Kind.SUBAGENT_STOP:
        return "", loose.cut(loose.typed(payload.last_assistant_message, str) or "", MAX_CONTENT_BYTES)
    return loose.prefix(given, MAX_CONTENT_BYTES), loose.prefix(got, MAX_CONTENT_BYTES)


def _word(value: str | None) -> str | None:
    return _shared(value[:MAX_WORD]) if value else None


def _shared(value: str | None) -> str | None:
    """The same string for the same text: thousands of digests name few tools and agents."""
    return sys.intern(value) if value else None
