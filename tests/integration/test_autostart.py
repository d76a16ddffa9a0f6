"""Laws of the sidecar that a hook starts: it is the one that the installed hooks mean, and no other beside it."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.hooks.table import base_url
from sidecar.state_dir import announced
from tests import commands
from tests.forwarders import SILENT, forward, python_hook
from tests.loopback_client import LoopbackClient
from tests.processes import processes
from tests.servers import free_port
from tests.sidecar_process import Sidecar
from tests.waiting import until

START = {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}
STOP = {"session_id": "s", "hook_event_name": "Stop"}


@pytest.fixture(name="sidecar", params=["plain", "da ta's"])
def _sidecar(tmp_path: Path, request: pytest.FixtureRequest) -> Sidecar:
    """A sidecar whose directory has a name that a shell takes as it is, or does not."""
    (tmp_path / request.param).mkdir()
    return Sidecar(tmp_path / request.param)


def agent(tmp_path: Path, **variables: str) -> dict[str, str]:
    """The environment of an agent that knows nothing of the sidecar's directory."""
    return commands.environment({"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), **variables})


def installed(sidecar: Sidecar, env: dict[str, str]) -> dict[str, Any]:
    """The settings that `hooks install` writes for that sidecar."""
    command = commands.command_line("hooks", "install", "--data-dir", str(sidecar.data_dir))
    subprocess.run(command, env=env, capture_output=True, check=True)
    settings: dict[str, Any] = json.loads((Path(env["HOME"]) / ".claude" / "settings.json").read_text())
    return settings


@contextlib.contextmanager
def autostarted(data_dir: Path, fire: Callable[[], object]) -> Iterator[str]:
    """The URL of the sidecar that came up in a directory by what `fire` did."""
    fire()
    facts = until(lambda: announced(data_dir), "a sidecar was started", lambda: log(data_dir))
    try:
        yield str(facts["url"])
    finally:
        os.kill(facts["pid"], signal.SIGTERM)
        until(lambda: facts["pid"] not in processes(), "it has ended")


def log(data_dir: Path) -> str:
    path = data_dir / "autostart.log"
    return path.read_text() if path.exists() else "no autostart.log"


def test_the_one_that_the_hooks_mean_comes_up(sidecar: Sidecar, tmp_path: Path) -> None:
    """Installed hooks start it in their directory and where they go, wherever it ran last; nothing else is used."""
    env = agent(tmp_path)
    with contextlib.closing(sidecar.start(with_worker=False)):
        url = sidecar.url
        client = LoopbackClient(installed(sidecar, env), env)
        sidecar.stop()
        sidecar.start(with_worker=False)  # on another free port
        assert url != sidecar.url

    with contextlib.closing(client), autostarted(sidecar.data_dir, lambda: client.fire(START)) as found:
        assert url == found
        assert (1, []) == (client.fire(STOP), client.errors)
    assert not (tmp_path / "state").exists()


def test_without_a_word_of_the_hooks_it_is_the_last_address(tmp_path: Path) -> None:
    """Hooks of an older version say nothing: the next one listens where the last one did."""
    sidecar = Sidecar(tmp_path)
    with contextlib.closing(sidecar.start(with_worker=False)):
        url = sidecar.url
    env = agent(tmp_path, LEANVIBE_DATA_DIR=str(sidecar.data_dir))

    with autostarted(sidecar.data_dir, lambda: forward(python_hook("SessionStart"), START, env)) as found:
        assert url == found
        assert SILENT == forward(python_hook("Stop"), STOP, env)


def test_a_configured_address_wins(tmp_path: Path) -> None:
    """What the environment says is where it comes up, whatever note and hooks say."""
    sidecar = Sidecar(tmp_path)
    with contextlib.closing(sidecar.start(with_worker=False)):
        hooks_url = sidecar.url
    port = free_port()
    env = agent(tmp_path, LEANVIBE_DATA_DIR=str(sidecar.data_dir), LEANVIBE_PORT=str(port))
    hook = [*python_hook("SessionStart"), "--url", hooks_url]

    with autostarted(sidecar.data_dir, lambda: forward(hook, START, env)) as found:
        assert f"http://127.0.0.1:{port}" == found


def test_hooks_of_a_stopped_sidecar_go_where_it_was(tmp_path: Path) -> None:
    """`hooks install` takes the last address when none runs, unless another is configured."""
    sidecar = Sidecar(tmp_path)
    with contextlib.closing(sidecar.start(with_worker=False)):
        url = sidecar.url

    handlers = installed(sidecar, agent(tmp_path))["hooks"]
    configured = installed(sidecar, agent(tmp_path, LEANVIBE_PORT="18999"))["hooks"]

    assert url == base_url(handlers["Stop"][0]["hooks"][0]["url"])
    assert "http://127.0.0.1:18999" == base_url(configured["Stop"][0]["hooks"][0]["url"])
