"""Laws of `leanvibe tail`: it follows over restarts and new tokens, or says why it cannot."""

import contextlib
import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.commands.follow import alert_line
from sidecar.events import EventType
from tests.commands import SECONDS, command_line, environment, leanvibe
from tests.sidecar_process import Sidecar, running_sidecar
from tests.waiting import until

EVENT = {"session_id": "s", "hook_event_name": "Stop"}


@contextlib.contextmanager
def tailing(sidecar: Sidecar, *words: str, **settings: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """`leanvibe tail --json`, connected; what it says on stderr is in the file."""
    command = command_line("tail", "--json", "--data-dir", str(sidecar.data_dir), *words)
    with (
        tempfile.NamedTemporaryFile() as told,
        subprocess.Popen(
            command, env=environment(settings), stdout=subprocess.PIPE, stderr=told, text=True
        ) as process,
    ):
        try:
            connected(sidecar)
            yield process, Path(told.name)
        finally:
            process.kill()


def connected(sidecar: Sidecar) -> None:
    until(lambda: sidecar.health()["components"]["live"]["clients"], "tail is connected", sidecar.output)


def next_seq(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(json.loads(process.stdout.readline())["seq"])


def test_ctrl_c_is_how_it_ends() -> None:
    """Ctrl-C ends it with exit code 0 and without a word."""
    with running_sidecar() as sidecar, tailing(sidecar) as (process, told):
        process.send_signal(signal.SIGINT)

        assert 0 == process.wait(SECONDS)
        assert "" == told.read_text().strip()


def test_it_goes_on_after_a_restart_and_a_new_token() -> None:
    """Each event once and in order, on whatever port and with whatever token; every outage is told once."""
    with running_sidecar() as sidecar, tailing(sidecar, "--count", "4") as (process, told):
        sidecar.post_native(EVENT)
        seen = [next_seq(process)]
        sidecar.kill()
        sidecar.start()
        sidecar.post_native(EVENT)
        sidecar.post_native(EVENT)
        seen += [next_seq(process), next_seq(process)]
        connected(sidecar)

        assert 0 == leanvibe("token", "rotate", "--data-dir", str(sidecar.data_dir)).returncode
        sidecar.post_native(EVENT)
        seen.append(next_seq(process))

        assert [1, 2, 3, 4] == seen
        assert 0 == process.wait(SECONDS)
        words = told.read_text()
        assert (2, 2) == (words.count("is lost"), words.count("following again")), words
        assert "the token was changed" in words


def test_an_old_token_is_told() -> None:
    """A token of one's own that counts no more cannot come back: exit code 1, with the reason."""
    with running_sidecar() as sidecar, tailing(sidecar, LEANVIBE_TOKEN=sidecar.token) as (process, told):
        leanvibe("token", "rotate", "--data-dir", str(sidecar.data_dir))

        assert 1 == process.wait(SECONDS)
        assert "LEANVIBE_TOKEN" in told.read_text()


def test_a_secret_is_told_with_its_place() -> None:
    """The line says which session and event a secret went through, on stderr."""
    with running_sidecar() as sidecar, tailing(sidecar, "--count", "1") as (process, told):
        sidecar.post_native({**EVENT, "error": "ghp_" + "Ab3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"})
        process.wait(SECONDS)

        until(lambda: "session s, seq 1" in told.read_text(), "the alarm is told", told.read_text)


def test_a_type_is_known_in_any_case() -> None:
    """A type is meant however it is written; one that there is not is refused with those that there are."""
    with running_sidecar() as sidecar, tailing(sidecar, "--type", "error", "--count", "1") as (process, _):
        sidecar.post_native(EVENT)
        sidecar.post_native({**EVENT, "hook_event_name": "StopFailure"})

        assert 2 == next_seq(process)
    refused = leanvibe("tail", "--type", "NOPE")
    assert 2 == refused.returncode
    assert [] == [name for name in EventType if name not in refused.stderr]


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb"])
def test_what_an_alarm_quotes_is_plain(text: str) -> None:
    """No control character of a session's name or a path reaches the terminal."""
    line = alert_line({"rule": "github", "path": text, "session_id": text, "seq": 1})

    assert line.isprintable()
