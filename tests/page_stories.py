"""Hook payloads of small stories, in the shapes that the real client sends, for tests of the page."""

import time
import uuid
from typing import Any

from tests import recorded
from tests.sidecar_process import Sidecar

Body = dict[str, Any]


class Story:
    """One session that a test tells step by step.

    Args:
        sidecar: takes the events.
        folder: the project's folder, which the page shows.
    """

    def __init__(self, sidecar: Sidecar, folder: str) -> None:
        self.session = str(uuid.uuid4())
        self._sidecar = sidecar
        self._cwd = f"/srv/work/{folder}"
        self._prompt = str(uuid.uuid4())
        self._calls = 0

    def tell(self, name: str, **fields: Any) -> None:
        """One event."""
        common = {"session_id": self.session, "cwd": self._cwd, "transcript_path": f"{self._cwd}/t.jsonl"}
        body = {**common, "prompt_id": self._prompt, "hook_event_name": name, **fields}
        assert 204 == self._sidecar.post_native(body).status_code

    def prompt(self, text: str) -> None:
        """A person asks for something."""
        self._prompt = str(uuid.uuid4())
        self.tell("UserPromptSubmit", prompt=text)

    def starts(self, tool: str, **fields: Any) -> Body:
        """A tool call begins; what its other events need."""
        self._calls += 1
        call = {"tool_name": tool, "tool_input": fields, "tool_use_id": f"toolu_{self._calls:04d}{self.session[:8]}"}
        self.tell("PreToolUse", **call)
        return call

    def ends(self, call: Body, ms: int = 120, **response: Any) -> None:
        """It ends well."""
        self.tell("PostToolUse", **call, tool_response=response, duration_ms=ms)

    def fails(self, call: Body, error: str) -> None:
        """It fails."""
        self.tell("PostToolUseFailure", **call, error=error, duration_ms=40, is_interrupt=False)

    def asks(self, call: Body) -> None:
        """A person is asked for permission: without the id of the call, as the client does."""
        self.tell("PermissionRequest", tool_name=call["tool_name"], tool_input=call["tool_input"])

    def stops(self, text: str = "Done.") -> None:
        """The turn is over."""
        self.tell("Stop", stop_hook_active=False, last_assistant_message=text, background_tasks=[], session_crons=[])


def replay(sidecar: Sidecar, name: str, speed: float = 10.0) -> str:
    """Plays one recording with its own pauses, shortened by `speed`; its last session's id."""
    began = time.monotonic()
    session = ""
    for at, body in recorded.bodies(name):
        time.sleep(max(0.0, at / speed - (time.monotonic() - began)))
        assert 204 == sidecar.post_native(body).status_code
        session = body["session_id"]
    return session
