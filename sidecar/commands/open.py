"""`leanvibe open`: the live page in the browser."""

import webbrowser
from pathlib import Path

import rich_click as click

from sidecar.commands.client import client_of
from sidecar.commands.connection import UNIX
from sidecar.commands.options import data_dir_option, url_option
from sidecar.errors import LeanvibeError
from sidecar.paths import CODES


@click.command(name="open")
@click.option("--print", "only_print", is_flag=True, help="Print the link instead of opening it.")
@data_dir_option
@url_option
def open(only_print: bool, data_dir: Path | None, url: str | None) -> None:  # noqa: A001, FBT001  the command's name
    """Open the live page by a link that works once, within ten minutes; the browser then stays signed in.

    Example: leanvibe open --print
    """
    client = client_of(data_dir, url)
    if client.url.startswith(UNIX):
        raise LeanvibeError("a browser reaches no Unix socket", hint="serve TCP as well: leave --no-tcp out")
    link = client.url + client.post(CODES, {})["path"]
    if only_print or not webbrowser.open(link):
        click.echo(link)
