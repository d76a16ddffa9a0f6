"""`leanvibe tail`: events as they are acknowledged."""

import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console
from rich.text import Text

from sidecar import trust
from sidecar.commands.client import Client, NotRunningError, client_of
from sidecar.commands.connection import UNIX
from sidecar.commands.options import data_dir_option, json_option, url_option
from sidecar.commands.tables import plain

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

PATH = "/api/v1/websocket/observability"
MAX_FRAME = 96 * 1024 * 1024
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
@click.option("--type", "event_type", help="Only this event type, such as ERROR.")
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

    Example: leanvibe tail --type ERROR
    """
    wanted = {"session_id": session_id, "agent": agent, "event_type": event_type, "tool_name": tool_name}
    filters = {name: value for name, value in wanted.items() if value}
    console = Console(soft_wrap=True, highlight=False)
    for number, event in enumerate(follow(client_of(data_dir, url), filters), 1):
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            console.print(line_of(event))
        if number == count:
            return


def follow(client: Client, filters: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Events of the tap, one by one; ends when the sidecar does.

    Raises:
        NotRunningError: nobody answers, or the token is refused.
    """
    from websockets.exceptions import ConnectionClosed, InvalidHandshake

    try:
        with _connected(client, f"{PATH}?{urllib.parse.urlencode(filters)}") as socket:
            for frame in socket:
                message = json.loads(frame)
                if message.get("dropped"):
                    click.echo(f"… {message['dropped']} events were dropped: this terminal is too slow", err=True)
                for alert in message.get("alerts", ()):
                    click.echo(f"! secret redacted: {alert['rule']} in {plain(alert['path'])}", err=True)
                yield from message.get("events", ())
    except ConnectionClosed:
        return
    except (OSError, InvalidHandshake) as error:
        raise NotRunningError(f"cannot follow {client.url}: {error}", hint="is it running? leanvibe status") from None


def _connected(client: Client, path: str) -> "ClientConnection":
    from websockets.sync import client as websockets

    options: dict[str, Any] = {
        "additional_headers": {"Authorization": f"Bearer {client.token}"}, "max_size": MAX_FRAME, "proxy": None,
    }  # fmt: skip
    made: ClientConnection
    if client.url.startswith(UNIX):
        made = websockets.unix_connect(client.url.removeprefix(UNIX), f"ws://localhost{path}", **options)
    else:
        options["ssl"] = trust.context(client.ca) if client.url.startswith("https") else None
        made = websockets.connect(client.url.replace("http", "ws", 1) + path, **options)
    return made


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
