"""`leanvibe demo`: the whole sidecar on recorded sessions, in a directory of its own."""

import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rich_click as click

from sidecar import resources
from sidecar.commands.client import Client, client_of
from sidecar.commands.sql import print_answer
from sidecar.errors import StartError
from sidecar.front import data_dir as directory
from sidecar.paths import API, CLAUDE_CODE

START_SECONDS = 20.0
LOOK_SECONDS = 0.2
STOP_SECONDS = 15.0
NOT_FOR_THE_DEMO = ("LEANVIBE_", "OTEL_")
"""Settings of the user's own sidecar: the demo's events belong into no database of theirs."""
RECORDINGS = ("tests", "data", "sessions")
QUERY = "SELECT tool_name, calls, errors, p50_ms, p95_ms FROM tool_stats ORDER BY calls DESC, tool_name"


@click.command()
@click.option("--once", is_flag=True, help="Play the sessions, show the answer of a query, and end.")
@click.option("--speed", type=click.FloatRange(min=0.1), default=10.0, help="Times the recorded speed (default: 10).")
@click.option("--port", type=int, default=0, help="Port to listen on (default: a free one).")
def demo(once: bool, speed: float, port: int) -> None:  # noqa: FBT001  a flag
    """Start a sidecar in a temporary directory and play recorded sessions of a real agent into it.

    Example: leanvibe demo --once
    """
    with tempfile.TemporaryDirectory(prefix="leanvibe-demo-") as path:
        early: list[int] = []  # Ctrl-C while the process is made: it must be known before it can be stopped
        before = signal.signal(signal.SIGINT, lambda number, _frame: early.append(number))
        process = _start(Path(path), port)
        try:
            signal.signal(signal.SIGINT, before)
            if early:
                signal.raise_signal(signal.SIGINT)
            _wait_until_up(Path(path), process)
            _play_and_show(Path(path), speed)
            if not once:
                _wait_for_ctrl_c(process)
        except KeyboardInterrupt:
            click.echo("\nstopping")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave it running
            _stop(process)


def _start(path: Path, port: int) -> "subprocess.Popen[bytes]":
    run = "from sidecar.cli import main; main()"
    command = [sys.executable, "-P", "-c", run, "serve", "--port", str(port), "--data-dir", str(path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_THE_DEMO)}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True)


def _wait_until_up(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Returns once it serves.

    Raises:
        StartError: it ended, or takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if directory.running(path):
            return
        time.sleep(0.05)
    raise StartError("the demo's sidecar did not start", hint="its reason stands above; try --port")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait_for_ctrl_c(process: "subprocess.Popen[bytes]") -> None:
    """Until the user or the sidecar ends it. Not by one long wait: a signal just before that would be missed."""
    click.echo("\nIt goes on running. Ctrl-C stops it and removes its data.")
    while process.poll() is None:
        time.sleep(LOOK_SECONDS)


def _play_and_show(path: Path, speed: float) -> None:
    client = client_of(path, None)
    click.echo(f"A sidecar runs at {client.url} with its data in {path}. While it plays, try in another terminal:")
    click.echo(f"  leanvibe tail --data-dir {path}")
    click.echo(f'  leanvibe sql --data-dir {path} "SELECT * FROM turns"')
    click.echo(f"  {client.url}{API}/health\n")
    count = sum(play(client, session, speed) for session in sessions())
    click.echo(f"\nPlayed {count} events of {len(sessions())} sessions. What the tools did:\n\n  {QUERY}\n")
    print_answer(client.post(f"{API}/sql", {"query": QUERY}))


def sessions() -> list[Path]:
    """The recordings that come with the sidecar, in order of name."""
    return sorted(resources.path(*RECORDINGS).glob("*.jsonl.gz"))


def play(client: Client, session: Path, speed: float) -> int:
    """Posts one recording with its own pauses, shortened by `speed`; the number of events.

    Raises:
        StartError: the sidecar did not take one.
    """
    click.echo(f"playing {session.name.partition('.')[0]}")
    connection = http.client.HTTPConnection(client.url.removeprefix("http://"), timeout=30)
    started = time.monotonic()
    count = 0
    for at, body in recorded(session):
        time.sleep(max(0.0, at / speed - (time.monotonic() - started)))
        connection.request("POST", CLAUDE_CODE, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.NO_CONTENT:
            raise StartError(f"the sidecar answered {answer.status} to a recorded event")
        count += 1
    connection.close()
    return count


def recorded(session: Path) -> Iterator[tuple[float, bytes]]:
    """`(seconds since the start, body)` of each recorded hook; a line is `{"t", "via", "body"}`."""
    with gzip.open(session, "rt", encoding="utf-8") as lines:
        for line in lines:
            record: dict[str, Any] = json.loads(line)
            yield record["t"], json.dumps(record["body"], ensure_ascii=False).encode("utf-8", "surrogatepass")
