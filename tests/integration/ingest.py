"""The two routes that take events: the native one of an agent, and the guide's."""

from typing import Any

import pytest

from tests.sidecar_process import API

NATIVE = "/api/v1/hooks/claude-code"
GUIDE = f"{API}/hook-events"
BOTH = pytest.mark.parametrize("route", [NATIVE, GUIDE])

TAKEN = {NATIVE: 204, GUIDE: 200}
"""The status that says that an event was taken."""

EVENT: dict[str, Any] = {"session_id": "s", "event_type": "PRE_TOOL_USE", "hook_event_name": "PreToolUse"}
"""What either route takes."""

MARK = "xyzzy-mark"
"""Stands in what is sent, so that a test can look for it where it must not be quoted."""
