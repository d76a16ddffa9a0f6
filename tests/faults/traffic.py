"""Load from several agents at once: uniquely numbered events, and the list of those that were acknowledged."""

import http
import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

TURNS_PER_SESSION = 20
TOOLS_PER_TURN = 5
PAUSE_SECONDS = 0.02
"""After a refusal, so that a front that is down is not hammered; an agent never tries the same event again."""
TIMEOUT_SECONDS = 20.0
PATH = "/api/v1/hooks/claude-code"


def key(hook_event_name: str, tool_use_id: str | None, prompt_id: str | None) -> str:
    """What names an event in every sink: no two events of the load share one."""
    return f"{hook_event_name}:{tool_use_id or prompt_id}"


def key_of(body: dict[str, Any]) -> str:
    """The key of a posted body."""
    return key(body["hook_event_name"], body.get("tool_use_id"), body["prompt_id"])


class Traffic:
    """Agents that post turn after turn, each on a thread of its own, until stopped.

    Args:
        port: where the sidecar listens, each time that it is started.
        agents: how many post at the same time.
    """

    def __init__(self, port: int, agents: int) -> None:
        self._port = port
        self._stopping = threading.Event()
        self._numbers = itertools.count(1)
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(agents)]
        self.acknowledged: set[str] = set()
        self.refused = 0
        self._unended: dict[str, str] = {}

    def start(self) -> None:
        """Begins posting."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the agents, and ends every turn whose Stop was not acknowledged, so that its spans can leave."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        connection = self._connection()
        for prompt_id, session_id in list(self._unended.items()):
            body = {"hook_event_name": "Stop", "session_id": session_id, "prompt_id": prompt_id}
            assert self._post(connection, body), "the sidecar runs and refuses"
        connection.close()

    def _work(self, agent: int) -> None:
        connection = self._connection()
        for body in self._bodies(agent):
            if self._stopping.is_set():
                break
            if not self._post(connection, body):
                connection.close()
                connection = self._connection()
                self._stopping.wait(PAUSE_SECONDS)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)

    def _bodies(self, agent: int) -> Iterator[dict[str, Any]]:
        for turn in itertools.count():
            yield from self._turn(f"session-{agent}-{turn // TURNS_PER_SESSION}")

    def _turn(self, session_id: str) -> Iterator[dict[str, Any]]:
        number = next(self._numbers)
        same = {"session_id": session_id, "prompt_id": f"prompt-{number}", "cwd": "/work"}
        self._unended[f"prompt-{number}"] = session_id
        yield {**same, "hook_event_name": "UserPromptSubmit", "prompt": "count on " * 20}
        for tool in range(TOOLS_PER_TURN):
            call = {**same, "tool_name": "Bash", "tool_use_id": f"toolu_{number}_{tool}"}
            yield {**call, "hook_event_name": "PreToolUse", "tool_input": {"command": "ls " * 50}}
            yield {**call, "hook_event_name": "PostToolUse", "tool_response": {"stdout": "line\n" * 100}}
        yield {**same, "hook_event_name": "Stop"}

    def _post(self, connection: http.client.HTTPConnection, body: dict[str, Any]) -> bool:
        try:
            connection.request("POST", PATH, json.dumps(body).encode(), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.refused += 1
            return False
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.refused += 1
            return False
        self.acknowledged.add(key_of(body))
        if body["hook_event_name"] == "Stop":
            self._unended.pop(body["prompt_id"], None)
        return True
