"""What is posted: bodies of a given size, and any number of distinct events of sessions with turns."""

import functools
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.redact import body

CALLS = 10
"""Tool calls of a turn."""
TURNS = 20
"""Turns of a session."""
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write")


@functools.cache
def source() -> str:
    """A megabyte of text that tools read: the standard library's own."""
    return "".join(
        file.read_text("utf-8", "replace") for file in sorted(Path(statistics.__file__).parent.glob("*.py"))
    )


def of_size(size: int) -> bytes:
    """A PostToolUse body of so many bytes with home paths and no secrets."""
    return body(size, source())


def events(first: int = 0) -> Iterator[dict[str, Any]]:
    """Native payloads of distinct events without end: turns of ten calls, sessions of twenty turns."""
    turn = first
    while True:
        yield from _turn(turn)
        turn += 1


def _turn(turn: int) -> Iterator[dict[str, Any]]:
    common = {
        "session_id": f"5e55{turn // TURNS:08x}-0000-4000-8000-{turn // TURNS:012x}",
        "prompt_id": f"{turn:08x}-1111-4000-8000-000000000000",
        "cwd": "/Users/jane/shop",
        "permission_mode": "default",
    }
    yield {**common, "hook_event_name": "UserPromptSubmit", "prompt": f"Change part {turn} of the shop."}
    for call in range(CALLS):
        number = turn * CALLS + call
        begin = number * 997 % (len(source()) - 1000)
        tool = {"tool_name": TOOLS[number % len(TOOLS)], "tool_use_id": f"toolu_{number:024x}"}
        given = {"command": f"grep -n part_{number} /Users/jane/shop/src", "description": "Look"}
        yield {**common, "hook_event_name": "PreToolUse", **tool, "tool_input": given}
        answer = {"stdout": source()[begin : begin + 700], "stderr": "", "interrupted": False}
        ended = {"tool_input": given, "tool_response": answer, "duration_ms": number * 37 % 2000}
        yield {**common, "hook_event_name": "PostToolUse", **tool, **ended}
    yield {**common, "hook_event_name": "Stop", "stop_hook_active": False}


def guide_event(number: int) -> dict[str, Any]:
    """One distinct event of about 1 KB in the guide's format, for the batch route; every tenth ends its turn."""
    turn, ends = number // CALLS, number % CALLS == CALLS - 1
    begin = number * 997 % (len(source()) - 1000)
    return {
        "session_id": f"5e55{turn // TURNS:08x}-0000-4000-8000-{turn // TURNS:012x}",
        "event_type": "AGENT_STOP" if ends else "POST_TOOL_USE",
        "prompt_id": f"{turn:08x}-1111-4000-8000-000000000000",
        "tool_name": TOOLS[number % len(TOOLS)],
        "tool_use_id": f"toolu_{number:024x}",
        "parameters": {"command": f"grep -n part_{number} /Users/jane/shop/src", "description": "Look"},
        "result": {"stdout": source()[begin : begin + 650], "stderr": ""},
        "execution_time_ms": number * 37 % 2000,
        "success": number % 50 != 0,
    }


def encoded(event: dict[str, Any]) -> bytes:
    """As an agent sends it."""
    return json.dumps(event).encode()
