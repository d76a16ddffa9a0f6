"""`leanvibe tail`: events as they are acknowledged."""

import contextlib
import json
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.text import Text

from sidecar.commands.client import client_of
from sidecar.commands.follow import Follower
from sidecar.commands.options import data_dir_option, json_option, url_option
from sidecar.commands.tables import plain, print_data
from sidecar.events import EventType

COLOURS = {
    "PRE_TOOL_USE": "cyan",
    "POST_TOOL_USE": "green",
    "ERROR": "bold red",
    "USER_PROMPT": "bold blue",
    "PERMISSION_REQUEST": "bold yellow",
    "NOTIFICATION": "yellow",
    "AGENT_START": "magenta",
    "AGENT_STOP": "magenta",
}
DETAILS = ("command", "file_path", "pattern", "url", "description", "prompt", "message", "reason", "source")


@click.command()
@click.option("--session", "session_id", help="Only this session.")
@click.option("--agent", help="Only this agent, such as claude-code.")
@click.option(
    "--type",
    "event_type",
    metavar="TYPE",
    callback=lambda _context, _parameter, given: type_named(given),
    help="Only this event type, such as ERROR.",
)
@click.option("--tool", "tool_name", help="Only this tool.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@data_dir_option
@url_option
@json_option
def tail(  # noqa: PLR0913, PLR0917  one per option
    session_id: str | None,
    agent: str | None,
    event_type: str | None,
    tool_name: str | None,
    count: int | None,
    data_dir: Path | None,
    url: str | None,
    as_json: bool,  # noqa: FBT001  a flag
) -> None:
    """Show events live, as they become durable, until Ctrl-C.

    When the sidecar is started again or gets a new token, the feed goes on with what came meanwhile.

    Example: leanvibe tail --type ERROR
    """
    wanted = {"session_id": session_id, "agent": agent, "event_type": event_type, "tool_name": tool_name}
    filters = {name: value for name, value in wanted.items() if value}
    console = Console(soft_wrap=True, highlight=False)
    follower = Follower(lambda: client_of(data_dir, url), filters)
    with contextlib.suppress(KeyboardInterrupt):  # how it is meant to end
        for number, event in enumerate(follower.events(), 1):
            if as_json:
                print_data(json.dumps(event, ensure_ascii=False))
            else:
                console.print(line_of(event))
            if number == count:
                return


def type_named(given: str | None) -> str | None:
    """The event type that was meant, in whatever case it was written.

    Raises:
        click.BadParameter: there is none of that name: nothing would ever be shown.
    """
    if not given or given.upper() in set(EventType):
        return given and given.upper()
    raise click.BadParameter(f"{given!r} is no event type: there are {', '.join(EventType)}")


def line_of(event: dict[str, Any]) -> Text:
    """One event in one line: time, session, what happened, to what, how it went."""
    line = Text(f"{event['received_at'][11:23]} ", style="dim")
    line.append(f"{plain(event['session_id'])[:8]} ", style="dim")
    line.append(f"{plain(event['hook_event_name']):<19}", style=COLOURS.get(event["event_type"], ""))
    if event["agent_id"] and event["agent"] == "claude-code":
        line.append(f" ↳{plain(event['agent_type'] or event['agent_id'])}", style="magenta")
    if event["tool_name"]:
        line.append(f" {plain(event['tool_name'])}", style="bold")
    if event["execution_time_ms"] is not None:
        line.append(f" {event['execution_time_ms']:g} ms")
    if event["error"]:
        line.append(f" {plain(event['error'])}", style="red")
    line.append(f" {_detail(event['payload'])}", style="dim")
    return line


def _detail(payload: Any) -> str:
    """The field that says most about the event."""
    if not isinstance(payload, dict):
        return ""
    inner = payload.get("tool_input") or payload.get("parameters")
    fields = inner if isinstance(inner, dict) else payload
    return next((plain(fields[name]) for name in DETAILS if isinstance(fields.get(name), str)), "")
