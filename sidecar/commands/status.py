"""`leanvibe status`: is it running, is it well, how far is every sink."""

import json
import sys
from pathlib import Path
from typing import Any

import rich_click as click

from sidecar import __version__
from sidecar.commands.client import client_of
from sidecar.commands.options import data_dir_option, json_option, url_option
from sidecar.commands.tables import print_table
from sidecar.paths import API


@click.command()
@data_dir_option
@url_option
@json_option
def status(data_dir: Path | None, url: str | None, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Say how the running sidecar is; exit code 1 when it is not healthy or not running.

    Degraded is not healthy: events are taken and kept, but a part or a sink needs somebody.

    Example: leanvibe status --json
    """
    client = client_of(data_dir, url)
    facts = {
        "url": client.url,
        "health": client.get(f"{API}/health"),
        "performance": client.get(f"{API}/hook-performance")["performance"],
    }
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        _show(facts)
    if facts["health"]["status"] != "healthy":
        sys.exit(1)


def _show(facts: dict[str, Any]) -> None:
    health, performance = facts["health"], facts["performance"]
    percentiles = performance["processing_time_percentiles"]
    click.echo(f"{facts['url']}  {health['status']}  version {health['version']}  pid {health['pid']}")
    if health["version"] != __version__:
        click.echo(f"  this command is version {__version__}: restart the sidecar to run it")
    click.echo(
        f"  events {performance['events_processed']} ({performance['events_per_second']}/s), "
        f"success {performance['success_rate'] * 100:.2f} %, "
        f"p50 {percentiles['p50']} ms, p95 {percentiles['p95']} ms, p99 {percentiles['p99']} ms"
    )
    rows = [_component(name, part) for name, part in health["components"].items()]
    rows += [_component(name, part) for name, part in health["sinks"].items()]
    print_table(["part", "status", "behind", "dead", "note"], rows)
    _show_turns(health["turns"])


def _show_turns(turns: dict[str, Any]) -> None:
    """Turns under way, the oldest first."""
    if not turns["running"]:
        return
    click.echo(f"  turns running: {turns['running']}")
    rows = [
        [turn["agent"], f"{turn['seconds']:.0f} s", turn["events"], _waiting(turn["waiting_for_permission_seconds"])]
        for turn in turns["oldest"]
    ]
    print_table(["agent", "since", "events", "waiting for permission"], rows)
    if more := turns["running"] - len(rows):
        click.echo(f"  and {more} more, begun later")


def _waiting(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"


def _component(name: str, part: dict[str, Any]) -> list[Any]:
    told = (part.get("error"), part.get("last_error"), _dropped(part), part.get("notice"), part.get("engine"))
    note = next((one for one in told if one), "")
    return [name, part["status"], _behind(part), part.get("dead_letters") or "", note]


def _dropped(part: dict[str, Any]) -> str:
    """What a sink will never get, because the store could not keep it any longer."""
    return ", ".join(f"{events} dropped ({reason})" for reason, events in part.get("dropped", {}).items())


def _behind(part: dict[str, Any]) -> str:
    """Lag in events, and in seconds where it is known and worth a word."""
    events, seconds = part.get("lag_events", ""), part.get("lag_seconds") or 0
    return f"{events} ({seconds:.0f} s)" if events and seconds >= 1 else str(events)
