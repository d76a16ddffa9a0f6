"""`leanvibe export`: a range of events as a file."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import rich_click as click

from sidecar.commands.client import NotRunningError, client_of
from sidecar.commands.event_files import form_of, stream, write
from sidecar.commands.options import data_dir_option, url_option
from sidecar.commands.stopped import settings_of, store_of
from sidecar.commands.times import micros
from sidecar.commands.visible import standard_output
from sidecar.errors import LeanvibeError
from sidecar.events import iso
from sidecar.paths import API
from sidecar.settings import Settings

PAGE_EVENTS = 1000
SECONDS = 120.0


class Page(msgspec.Struct):
    """One page of the event list."""

    events: list[msgspec.Raw]
    next_after: int | None


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "ndjson", "jsonl", "csv"]),
    help="Format of the file (default: by the ending of its name, else parquet).",
)
@click.option("--since", help="A span of time (90s, 30m, 1h, 7d) or an ISO 8601 time; default: everything.")
@click.option("--until", help="End of the range, itself left out, written like --since; default: now.")
@click.option("--session", "session_id", help="Only this session.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write, which must not exist yet; - is standard output (not for parquet).",
)
@data_dir_option
@url_option
def export(  # noqa: PLR0913, PLR0917  one per option
    form: str | None,
    since: str | None,
    until: str | None,
    session_id: str | None,
    output: Path,
    data_dir: Path | None,
    url: str | None,
) -> None:
    """Copy events, redacted as they are stored, into a file of your own.

    The running sidecar gives them; when none runs, its files are opened.

    Example: leanvibe export --since 7d -o week.parquet
    """
    form = form or form_of(output)
    first, end = micros(since), micros(until) if until else time.time_ns() // 1000
    if first >= end:
        raise LeanvibeError(
            "nothing can be in that span: it ends before it begins",
            hint="--since is the earlier one: --since 2h --until 1h",
        )
    wanted = {"since": iso(first), "until": iso(end), "limit": PAGE_EVENTS}
    wanted |= {"session_id": session_id} if session_id else {}
    pages = _counted(_pages(wanted, data_dir, url))
    if str(output) == "-":
        stream(form, pages, standard_output())
    else:
        click.echo(f"{write(form, pages, output)} events in {output}")


def _pages(wanted: dict[str, Any], data_dir: Path | None, url: str | None) -> Iterator[list[msgspec.Raw]]:
    """Pages of the running sidecar, else of the files in the data directory.

    Raises:
        LeanvibeError: there is nothing to ask, or it cannot answer.
    """
    try:
        client = client_of(data_dir, url)
    except NotRunningError as error:
        yield from _stored(wanted, settings_of(data_dir, url, error))
        return
    after: int | None = 0
    while after is not None:
        raw = client.get_raw(f"{API}/events?{urlencode({**wanted, 'after': after})}", SECONDS)
        page = msgspec.json.decode(raw, type=Page)
        yield page.events
        after = page.next_after


def _stored(wanted: dict[str, Any], settings: Settings) -> Iterator[list[msgspec.Raw]]:
    from sidecar.worker.query.listing import EventFilter, recent

    asked = {name: value for name, value in wanted.items() if value and name != "limit"}
    with store_of(settings, "events", lambda: asked) as store:
        after: int | None = 0
        while after is not None:
            found = recent(store, EventFilter(**wanted, after=after))
            yield [msgspec.Raw(msgspec.json.encode(event)) for event in found["events"]]
            after = found["next_after"]


def _counted(pages: Iterator[list[msgspec.Raw]]) -> Iterator[list[msgspec.Raw]]:
    """The pages, with a word on a terminal about how many events there were so far."""
    done = 0
    for page in pages:
        yield page
        done += len(page)
        if sys.stderr.isatty():
            click.echo(f"\r{done} events ", nl=False, err=True)
    if sys.stderr.isatty():
        click.echo("\r", nl=False, err=True)
