"""`leanvibe serve`: runs the sidecar."""

import os
from pathlib import Path

import rich_click as click

from sidecar.commands import autostart
from sidecar.commands.options import config_option, data_dir_option
from sidecar.paths import API, CLAUDE_CODE
from sidecar.settings import Settings, load, unknown_variables


@click.command()
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8000; 0 takes a free one).")
@data_dir_option
@config_option
@click.option(
    "--profile",
    type=click.Path(dir_okay=False, path_type=Path),
    is_flag=False,
    flag_value="leanvibe-profile.svg",
    help="Record where time goes (at most 5 minutes) and write it when stopped: FILE.svg, or FILE.json for "
    "speedscope.app; without FILE leanvibe-profile.svg. Needs the extra: uv tool install '.[profile]'.",
)
@click.option("--uds", help="Unix socket to listen on as well, for you alone (mode 0600).")
@click.option("--no-tcp", is_flag=True, help="Listen on the Unix socket only.")
@click.option("--tls-cert", help="Certificate (PEM) to serve https with.")
@click.option("--tls-key", help="Its key (PEM).")
@click.option(
    "--insecure-allow-anyone-on-the-network",
    "anyone",
    is_flag=True,
    help="Beyond loopback, let anyone send events and read along: no token and no TLS are asked for.",
)
@click.option("--autostarted", is_flag=True, hidden=True, help="Started by a hook: end when autostart is off.")
@click.option("--hooks-url", default="", hidden=True, help="Where the http hooks beside that hook go.")
def serve(  # noqa: PLR0913, PLR0917  one per option
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    config: Path | None,
    profile: Path | None,
    uds: str | None,
    no_tcp: bool,  # noqa: FBT001  a flag
    tls_cert: str | None,
    tls_key: str | None,
    anyone: bool,  # noqa: FBT001  a flag
    autostarted: bool,  # noqa: FBT001  a flag
    hooks_url: str,
) -> None:
    """Take hook events on localhost, keep them, and deliver them.

    Needs no configuration and no other server. Stop it with Ctrl-C. Beyond loopback it wants
    LEANVIBE_INGEST=token and TLS, or --insecure-allow-anyone-on-the-network.

    Example: leanvibe serve --port 8000
    """
    given = {"host": host, "port": port, "data_dir": data_dir, "uds": uds, "tls_cert": tls_cert, "tls_key": tls_key}
    settings = load(config, **given, tcp=False if no_tcp else None)
    if autostarted:
        if not settings.autostart:
            return
        settings = autostart.placed(settings, hooks_url, lambda more: load(config, **{**given, **more}))
    for error in unknown_variables(os.environ):  # another program's, perhaps, so no reason to refuse
        click.echo(f"warning: {error.message}: {error.hint}", err=True)
    from sidecar.front.serve import serve as run

    run(settings, lambda url, link: click.echo(welcome(url, link, settings)), profile, anyone=anyone)


def welcome(url: str, link: str, settings: Settings) -> str:
    """What a person needs to know once it runs."""
    if not settings.tcp:
        return f"leanvibe-sidecar listens on {url}\n  data        {settings.data_dir}\nCtrl-C stops it."
    return (
        f"leanvibe-sidecar listens on {url}\n"
        f"  page        {link} (opens once; again: leanvibe open)\n"
        f"  hooks       POST {url}{CLAUDE_CODE}\n"
        f"  health      {url}{API}/health\n"
        f"{_socket(settings)}"
        f"  data        {settings.data_dir} (token for reading: {settings.data_dir / 'token'})\n"
        f"  try         leanvibe tail --data-dir {settings.data_dir}\n"
        f"              leanvibe sql --data-dir {settings.data_dir} 'SELECT * FROM sessions'\n"
        "Ctrl-C stops it."
    )


def _socket(settings: Settings) -> str:
    return f"  socket      unix:{Path(settings.uds).absolute()} (for you alone)\n" if settings.uds else ""
