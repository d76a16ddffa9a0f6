"""`leanvibe doctor`: follows a probe through everything and says what is wrong, and what to do."""

import functools
import http.client
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rich_click as click

from sidecar.commands import hook_token
from sidecar.commands.client import Client, NotAnsweringError, NotRunningError, client_of
from sidecar.commands.connection import connection, exchange
from sidecar.commands.options import config_option, data_dir_option, json_option
from sidecar.commands.visible import visible
from sidecar.doctor import agent, host
from sidecar.doctor.finding import Finding, State, wrong
from sidecar.doctor.probe import probe
from sidecar.errors import HooksError, LeanvibeError
from sidecar.front import data_dir as directory
from sidecar.hooks import files, merge
from sidecar.paths import API, CLAUDE_CODE
from sidecar.settings import Settings, load
from sidecar.state_dir import ingest_token, unless_default

MANAGED = (
    Path("/etc/claude-code/managed-settings.json"),
    Path("/Library/Application Support/ClaudeCode/managed-settings.json"),
)
MARKS = {State.OK: ("✓", "green"), State.NOTE: ("·", "yellow"), State.WRONG: ("✗", "red")}
HOLDER_SECONDS = 1.0
POST_SECONDS = 2.0
"""As long as the client would wait."""


@click.command()
@data_dir_option
@config_option
@json_option
@click.option(
    "--min-free", type=click.IntRange(min=0), default=500, help="MB that the disk should have free (default: 500)."
)
def doctor(data_dir: Path | None, config: Path | None, as_json: bool, min_free: int) -> None:  # noqa: FBT001  a flag
    """Check the whole way of an event, from Claude Code's settings to every sink; exit code 1 on any fault.

    A marked probe event is sent through the hooks' URL and followed; metrics and the view sessions leave it out.

    Example: leanvibe doctor --json
    """
    settings = load(config, data_dir=data_dir)
    findings: list[Finding] = []
    for finding in examined(settings, min_free):
        findings.append(finding)
        if not as_json:
            _show(finding)
    healthy = all(finding.state is not State.WRONG for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": healthy, "findings": [finding.as_json() for finding in findings]}, indent=2))
    if not healthy:
        sys.exit(1)


def examined(settings: Settings, min_free_mb: int) -> Iterator[Finding]:
    """Every finding, as it is found."""
    held, problems = _settings_files()
    yield from problems
    facts = directory.running(settings.data_dir)
    running_url = str(facts["url"]) if facts else None
    hook_url = agent.hook_url(held) or (running_url or f"http://{settings.host}:{settings.port}") + CLAUDE_CODE
    yield host.running_finding(settings.data_dir, facts, None if facts else _holder(hook_url), hook_url)
    told = unless_default(settings.data_dir)
    token = ingest_token(settings.data_dir) if hook_token.needed(settings) else ""
    yield from agent.agent_findings(held, os.environ, running_url, token, told)
    yield agent.version_finding(host.client_version())
    yield host.disk_finding(settings.data_dir, min_free_mb)
    yield host.modes_finding(settings.data_dir)
    if facts:
        client = client_of(settings.data_dir, None)
        yield from _asked(client, settings.data_dir)
        more = agent.environment_of(held, os.environ).get("NODE_EXTRA_CA_CERTS", "")
        certificate = host.certificate_finding(hook_url, more, client.ca)
        yield from filter(None, [certificate])
        bring = agent.hook_token(held, os.environ) if token else ""
        yield from probe(hook_url, client, functools.partial(_posted, hook_url, bring, client.ca), told)


def _asked(client: Client, data_dir: Path) -> Iterator[Finding]:
    try:
        health = client.get(f"{API}/health")
        newest = client.get(f"{API}/events?limit=1")["events"]
    except NotAnsweringError as error:
        yield wrong("sidecar", error.message, error.hint)
        return
    except NotRunningError as error:
        yield wrong("sidecar", error.message, host.start(data_dir))
        return
    except LeanvibeError as error:
        yield wrong("sidecar", error.message, error.hint or "restart it")
        return
    yield host.version_finding(health)
    yield from host.health_findings(health)
    yield host.clock_finding(_seconds(newest[0]["received_at"]) if newest else None, time.time())


def _settings_files() -> tuple[list[agent.SettingsFile], list[Finding]]:
    """The settings that the client merges, and those that cannot be read."""
    named = [(scope, files.settings_file(scope, os.environ)) for scope in ("user", "project", "local")]
    named += [("managed", path) for path in MANAGED]
    found: dict[Path, agent.SettingsFile] = {}
    problems = []
    for scope, path in named:
        try:
            settings = files.decoded(path)
            merge.places(settings, str(path))
            found.setdefault(path.resolve(), agent.SettingsFile(scope, str(path), settings))
        except HooksError as error:
            problems.append(wrong("settings", error.message, error.hint))
    return list(found.values()), problems


def _holder(url: str) -> str | None:
    """Who answers at a URL; None when nobody does."""
    parts = urlsplit(url)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{parts.scheme}://{parts.netloc}{API}/health", timeout=HOLDER_SECONDS) as answer:
            facts: Mapping[str, Any] = json.loads(answer.read(65_536))
            return f"a sidecar of another data directory (pid {facts.get('pid', 'not told')})"
    except ConnectionRefusedError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, http.client.HTTPException) as error:
        refused = isinstance(getattr(error, "reason", None), ConnectionRefusedError)
        return None if refused else "another program"


def _posted(url: str, token: str, ca: str, body: dict[str, Any]) -> str | None:
    """Why an event was not taken that was sent as a hook sends it; None when it was."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        made = connection(url.removesuffix(CLAUDE_CODE), ca, POST_SECONDS)
        status, answer = exchange(made, CLAUDE_CODE, json.dumps(body).encode(), headers)
    except (OSError, ValueError, OverflowError, http.client.HTTPException) as error:
        return str(error)
    return None if status < HTTPStatus.BAD_REQUEST else f"HTTP {status} {answer[:200].decode(errors='replace')}"


def _seconds(iso: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(iso).timestamp()


def _show(finding: Finding) -> None:
    mark, colour = MARKS[finding.state]
    took = f"  {finding.ms:g} ms" if finding.ms is not None else ""
    click.echo(f"{click.style(mark, fg=colour)} {finding.check:<16} {visible(finding.message)}{took}")
    if finding.todo:
        click.echo(f"  {'':<16} → {visible(finding.todo)}")
