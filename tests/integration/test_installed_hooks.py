"""Laws of the installed hooks: every event of a session arrives, by the settings that were written."""

import contextlib
import gzip
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar import resources
from tests.commands import LEANVIBE
from tests.loopback_client import LoopbackClient, environment
from tests.sidecar_process import Sidecar

SESSIONS = Path(__file__).parent.parent / "data" / "sessions"
PAGES = ("PreToolUse", "PostToolUse", "OnError", "OnAgentStart", "OnAgentStop")
NOT_HOOKED = {"MessageDisplay", "FileChanged"}


@pytest.fixture(scope="module", name="sidecar")
def _sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with contextlib.closing(Sidecar(tmp_path_factory.mktemp("hooked"))) as sidecar:
        yield sidecar.start()


@pytest.fixture(scope="module", name="client")
def _client(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackClient]:
    """A client whose settings `leanvibe hooks install` has written."""
    home = tmp_path_factory.mktemp("home")
    env = environment(str(home), LEANVIBE_DATA_DIR=str(sidecar.data_dir), LEANVIBE_AGENT_NAME="claude_agent")
    subprocess.run([LEANVIBE, "hooks", "install"], env=env, check=True, capture_output=True)
    settings = json.loads((home / ".claude" / "settings.json").read_text())
    with contextlib.closing(LoopbackClient(settings, env)) as client:
        yield client


@pytest.mark.parametrize("name", ["basic", "subagent", "failure", "parallel", "resume"])
def test_every_event_of_a_session_arrives(sidecar: Sidecar, client: LoopbackClient, name: str) -> None:
    """Each recorded event is stored once, SessionStart included, and no hook leaves an error."""
    bodies = recorded(name)

    fired = [client.fire(body) for body in bodies]

    hooked = [body for body in bodies if body["hook_event_name"] not in NOT_HOOKED]
    assert (len(hooked), []) == (sum(fired), client.errors)
    assert "SessionStart" in {body["hook_event_name"] for body in hooked}
    sessions = "', '".join({body["session_id"] for body in bodies})
    query = "SELECT hook_event_name, payload -> 'leanvibe' ->> 'agent_name' FROM events"
    found = sidecar.sql(f"{query} WHERE session_id IN ('{sessions}')")
    assert Counter(body["hook_event_name"] for body in hooked) == Counter(row[0] for row in found)
    assert {"claude_agent"} == {row[1] for row in found}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_is_so(sidecar: Sidecar, client: LoopbackClient, page: str) -> None:
    """The sample of each page becomes the row that the page shows, and nothing secret of it stays."""
    text = resources.path("claude_hooks", f"{page}.md").read_text("utf-8")
    sample, row = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    sample["session_id"] = row["session_id"] = f"page-{page}"

    assert (1, []) == (client.fire(sample), client.errors)

    columns = ", ".join(row)
    (found,) = sidecar.sql(f"SELECT {columns}, payload FROM events WHERE session_id = 'page-{page}'")
    assert row == dict(zip(row, found, strict=False))
    for secret in ("jane", "ghp_16C7", "user@example.com", "555-123-4567"):
        assert secret not in found[-1]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_events_that_are_hooked(client: LoopbackClient, page: str) -> None:
    """The events of a page's table are registered, under the event type that it says."""
    from sidecar.agents.claude_code import EVENT_TYPES

    text = resources.path("claude_hooks", f"{page}.md").read_text("utf-8")
    said = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE)

    assert said == [(event, EVENT_TYPES[event].value) for event, _ in said]
    assert all(client._hooks[event] for event, _ in said)


def recorded(name: str) -> list[dict[str, Any]]:
    lines = gzip.decompress((SESSIONS / f"{name}.jsonl.gz").read_bytes()).splitlines()
    return [json.loads(line)["body"] for line in lines]
