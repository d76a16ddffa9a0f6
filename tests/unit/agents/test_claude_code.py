"""Laws of normalising Claude Code: every event is kept, named in both vocabularies, its fields where they belong."""

import msgspec
import pytest

from sidecar.agents import NORMALISERS, Receipt, normaliser_of
from sidecar.agents.claude_code import normalise
from sidecar.errors import BadRequestError, UnknownAgentError
from sidecar.events import EventType
from tests.recorded_events import recorded_payloads

ALL_EVENTS = {
    "PreToolUse": "PRE_TOOL_USE", "PostToolUse": "POST_TOOL_USE", "PostToolUseFailure": "ERROR",
    "StopFailure": "ERROR", "PermissionDenied": "ERROR", "SessionStart": "AGENT_START",
    "SubagentStart": "AGENT_START", "Stop": "AGENT_STOP", "SubagentStop": "AGENT_STOP", "SessionEnd": "AGENT_STOP",
    "UserPromptSubmit": "USER_PROMPT", "PermissionRequest": "PERMISSION_REQUEST", "Notification": "NOTIFICATION",
    "PreCompact": "COMPACT", "PostCompact": "COMPACT", "Setup": "OTHER", "InstructionsLoaded": "OTHER",
    "UserPromptExpansion": "OTHER", "PostToolBatch": "OTHER", "MessageDisplay": "OTHER", "PreModelSwitch": "OTHER",
    "PostModelSwitch": "OTHER", "FileChanged": "OTHER", "CwdChanged": "OTHER", "TaskCreated": "OTHER",
    "TaskCompleted": "OTHER", "TeammateIdle": "OTHER", "ConfigChange": "OTHER", "DirectoryAdded": "OTHER",
    "WorktreeCreate": "OTHER", "WorktreeRemove": "OTHER", "Elicitation": "OTHER", "ElicitationResult": "OTHER",
}  # fmt: skip


def receipt(body: object = None) -> Receipt:
    return Receipt(event_id="e1", received_at=5, host="h", payload=msgspec.json.encode(body or {}))


@pytest.mark.parametrize(("name", "expected"), ALL_EVENTS.items())
def test_every_event_has_both_names(name: str, expected: str) -> None:
    """The agent's own name is kept beside the guide's."""
    event = normalise({"session_id": "s", "hook_event_name": name}, receipt())

    assert (name, EventType(expected)) == (event.hook_event_name, event.event_type)


def test_the_client_knows_33_events() -> None:
    """The table above is complete for client 2.1.330."""
    assert 33 == len(ALL_EVENTS)


def test_unknown_event_is_kept() -> None:
    """A name that we do not know, or none, is kept as OTHER with its payload."""
    body = {"session_id": "s", "hook_event_name": "Brandnew", "field": [1]}

    event = normalise(body, receipt(body))

    assert ("Brandnew", EventType.OTHER) == (event.hook_event_name, event.event_type)
    assert body == msgspec.json.decode(event.payload)
    assert "unknown" == normalise({"session_id": "s"}, receipt()).hook_event_name


@pytest.mark.parametrize("body", recorded_payloads(), ids=lambda body: body["hook_event_name"])
def test_recorded_fields_arrive(body: dict[str, object]) -> None:
    """Ids, tool and place of every recorded payload stand in their columns."""
    event = normalise(body, receipt(body))

    for name in ("session_id", "prompt_id", "agent_id", "agent_type", "tool_name", "tool_use_id", "cwd"):
        assert body.get(name) == getattr(event, name)
    assert body.get("duration_ms") == event.execution_time_ms


@pytest.mark.parametrize(
    ("name", "success", "error"),
    [
        ("PostToolUse", True, None),
        ("PostToolUseFailure", False, "boom"),
        ("StopFailure", False, "boom"),
        ("PreToolUse", None, None),
    ],
)
def test_success_follows_the_event(name: str, success: bool | None, error: str | None) -> None:
    """Only ends of tools and failed turns say whether they went well, and why not."""
    event = normalise({"session_id": "s", "hook_event_name": name, "error": "boom"}, receipt())

    assert (success, error) == (event.success, event.error)


def test_denial_tells_its_reason() -> None:
    """A denied permission is an error whose text is the reason."""
    event = normalise({"session_id": "s", "hook_event_name": "PermissionDenied", "reason": "no"}, receipt())

    assert (False, "no") == (event.success, event.error)


@pytest.mark.parametrize("session", [None, "", 7, ["s"], {"id": "s"}])
def test_session_is_required(session: object) -> None:
    """An event without a session, or with one that is no text, is refused."""
    with pytest.raises(BadRequestError, match="session_id"):
        normalise({"session_id": session, "hook_event_name": "Stop"}, receipt())


@pytest.mark.parametrize("value", [7, [], {}, True, None, ""])
def test_wrong_types_are_as_good_as_absent(value: object) -> None:
    """A field of the wrong type leaves its column empty and refuses nothing."""
    body = {"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": value, "duration_ms": "3"}

    event = normalise(body, receipt(body))

    assert (None, None) == (event.tool_name, event.execution_time_ms)


@pytest.mark.parametrize("value", [True, float("inf"), float("nan"), 10**400, -5, -0.1])
def test_odd_numbers_are_no_durations(value: object) -> None:
    """What is no finite number is no duration."""
    body = {"session_id": "s", "hook_event_name": "PostToolUse", "duration_ms": value}

    assert None is normalise(body, receipt()).execution_time_ms


def test_unknown_agent_names_the_known_ones() -> None:
    """An agent without a normaliser is refused with the names of those that have one."""
    with pytest.raises(UnknownAgentError) as refused:
        normaliser_of("nobody")

    assert all(name in refused.value.hint for name in NORMALISERS)
