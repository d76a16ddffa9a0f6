"""Plays recorded sessions as the client does: by the hooks that settings hold, http and command alike."""

import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import httpx

from tests import commands
from tests.waiting import PATIENCE


class LoopbackClient:
    """Runs every hook that the settings register for an event, and keeps what would show in the transcript.

    Args:
        settings: decoded settings.json.
        env: the environment of the agent.
    """

    def __init__(self, settings: Mapping[str, Any], env: Mapping[str, str]) -> None:
        self._hooks = settings["hooks"]
        self._env = env
        self._http = httpx.Client(trust_env=False)
        self.errors: list[str] = []

    def fire(self, body: Mapping[str, Any]) -> int:
        """Fires the hooks of one event; how many there were."""
        groups = self._hooks.get(body["hook_event_name"], [])
        handlers = [handler for group in groups for handler in group["hooks"]]
        for handler in handlers:
            content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
            complaint = {"http": self._post, "command": self._run}[handler["type"]](handler, content)
            self.errors += [complaint] if complaint else []
        return len(handlers)

    def close(self) -> None:
        """Releases the connection."""
        self._http.close()

    def _post(self, handler: Mapping[str, Any], content: bytes) -> str:
        """An http hook: 2xx with an empty body or a JSON object is success, all else is an error line."""
        headers = {name: self._interpolated(value, handler) for name, value in handler.get("headers", {}).items()}
        headers["Content-Type"] = "application/json"
        try:
            answer = self._http.post(handler["url"], content=content, headers=headers, timeout=handler["timeout"])
        except httpx.HTTPError as error:
            return repr(error)
        return "" if answer.is_success and not answer.content else f"HTTP {answer.status_code} {answer.text}"

    def _run(self, handler: Mapping[str, Any], content: bytes) -> str:
        """A command hook: exit code 0 is success, and what it prints is shown or obeyed."""
        run = subprocess.run(
            ["sh", "-c", handler["command"]], input=content, env=self._env, capture_output=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        return "" if (run.returncode, run.stdout, run.stderr) == (0, b"", b"") else repr(run)

    def _interpolated(self, value: str, handler: Mapping[str, Any]) -> str:
        """Variables of the handler's own list; others come out empty."""
        allowed = handler.get("allowedEnvVars", [])
        return re.sub(
            r"\$([A-Z_][A-Z0-9_]*)", lambda found: self._env.get(found[1], "") if found[1] in allowed else "", value
        )


def environment(home: str, **variables: str) -> dict[str, str]:
    """An agent's environment with a home of its own and none of our settings but these."""
    return commands.environment({"HOME": home, **variables})
