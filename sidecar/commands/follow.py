"""Following a sidecar's tap over its restarts and new tokens, without gap or repeat."""

import json
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import rich_click as click

from sidecar import trust
from sidecar.commands.client import Client, NotRunningError
from sidecar.commands.connection import UNIX
from sidecar.commands.tables import plain
from sidecar.paths import TAP

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

MAX_FRAME = 96 * 1024 * 1024
FROM_NOW = 2**63 - 1
"""Never reached: the tap begins at its end, and says where that is."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class LostError(Exception):
    """The connection is gone, or cannot be had at this moment."""


class Follower:
    """Events of the tap, one by one, for ever: what came while it was away is read from the store.

    Args:
        find: the client of the sidecar as it runs now: a restart changes the port, a rotation the token.
        filters: query parameters of the tap.
    """

    def __init__(self, find: Callable[[], Client], filters: Mapping[str, str]) -> None:
        self._find = find
        self._filters = dict(filters)
        self._seen = FROM_NOW
        self._pause = FIRST_PAUSE_SECONDS
        self._is_told = False

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event that passes the filters; an outage is told once on stderr.

        Raises:
            NotRunningError: nobody answered at first, or the token is refused.
        """
        client = self._find()
        while True:
            try:
                yield from self._connection(client)
            except LostError as lost:
                if self._seen == FROM_NOW and not self._is_told:
                    raise _cannot(client, lost) from None
                self._tell(f"… {client.url} is lost ({lost}); waiting for it, Ctrl-C ends")
            client = self._found_again()

    def _connection(self, client: Client) -> Iterator[dict[str, Any]]:
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

        query = urllib.parse.urlencode({**self._filters, "after": self._seen})
        try:
            with _connected(client, f"{TAP}?{query}") as socket:
                while True:
                    yield from self._taken(json.loads(socket.recv()))
        except ConnectionClosed as error:
            raise LostError(_said(error)) from None
        except InvalidStatus as error:
            if error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _cannot(client, error) from None
            raise LostError(str(error)) from None
        except (OSError, InvalidHandshake) as error:
            raise LostError(str(error)) from None

    def _taken(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Tells what is to be told of a message, and gives its events."""
        self._pause = FIRST_PAUSE_SECONDS
        if self._is_told:
            click.echo("… following again", err=True)
            self._is_told = False
        if message.get("dropped"):
            click.echo(f"… {message['dropped']} events were dropped: this terminal is too slow", err=True)
        for alert in message.get("alerts", ()):
            click.echo(alert_line(alert), err=True)
        for event in message.get("events", ()):
            self._seen = event["seq"]
            yield event
        if message.get("live"):
            self._seen = message["seq"]

    def _found_again(self) -> Client:
        """The client of the sidecar that runs now, once one does; the pauses grow."""
        while True:
            time.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            try:
                return self._find()
            except NotRunningError:
                continue

    def _tell(self, words: str) -> None:
        if not self._is_told:
            click.echo(words, err=True)
        self._is_told = True


def alert_line(alert: Mapping[str, Any]) -> str:
    """Which kind of secret went through, and where it was: the event can be looked up by its number."""
    place = f"session {plain(alert['session_id'])}, seq {alert['seq']}"
    return f"! secret redacted: {plain(alert['rule'])} in {plain(alert['path'])} ({place})"


def _said(closed: Any) -> str:
    """Why a connection ended, in the words of the sidecar when it had any."""
    told = closed.rcvd
    if told is None:
        return "it ended without a word"
    return plain(told.reason) or f"close code {told.code}"


def _cannot(client: Client, error: Exception) -> NotRunningError:
    return NotRunningError(
        f"cannot follow {client.url}: {error}",
        hint="is it running, and is the token its own? leanvibe status; LEANVIBE_TOKEN, or <data-dir>/token",
    )


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
