"""`leanvibe replay`: send again to one sink what the store holds."""

import sys
from pathlib import Path
from typing import Any

import rich_click as click

from sidecar.commands.client import Client, client_of
from sidecar.commands.options import data_dir_option, url_option
from sidecar.commands.times import micros
from sidecar.errors import LeanvibeError
from sidecar.paths import API

SINKS = ("redis", "postgres", "otlp")


@click.command()
@click.option("--sink", type=click.Choice(SINKS), required=True, help="Where to send.")
@click.option(
    "--since", default=None, help="A span of time (90s, 30m, 1h, 7d) or an ISO 8601 time; default: everything."
)
@click.option("--session", "session_id", help="Only this session.")
@click.option(
    "--dead-letters",
    is_flag=True,
    help="Only what the sink refused for good; what it takes now leaves the dead letters.",
)
@click.option("--after", type=click.IntRange(min=0), default=0, help="Go on where an interrupted replay ended.")
@data_dir_option
@url_option
def replay(  # noqa: PLR0913, PLR0917  one per option
    sink: str,
    since: str | None,
    session_id: str | None,
    dead_letters: bool,  # noqa: FBT001  a flag
    after: int,
    data_dir: Path | None,
    url: str | None,
) -> None:
    """Send again to a sink what the store holds, while everything else goes on.

    PostgreSQL keeps what it has, OTLP gets the same spans as before, a Redis stream gets the entries once more.
    Can be interrupted with Ctrl-C and continued; a step that was interrupted is sent again.

    Example: leanvibe replay --sink otlp --since 1h
    """
    wanted = {"sink": sink, "since": micros(since), "session_id": session_id, "dead_letters": dead_letters}
    totals = {"sent": 0, "refused": 0, "after": after}
    try:
        _run(client_of(data_dir, url), wanted, totals)
    except KeyboardInterrupt:
        click.echo("\n" + "; ".join(["interrupted", *_go_on(totals)]), err=True)
        sys.exit(130)
    except LeanvibeError as error:
        raise LeanvibeError(error.message, hint="; ".join(filter(None, [error.hint, *_go_on(totals)]))) from None
    click.echo(f"sent {totals['sent']}, refused {totals['refused']}")


def _go_on(totals: dict[str, int]) -> list[str]:
    """How to continue; nothing when that is from the beginning."""
    return [f"continue with --after {totals['after']} and the same options"] if totals["after"] else []


def _run(client: Client, wanted: dict[str, Any], totals: dict[str, int]) -> None:
    """Step after step until nothing is left; keeps `totals` so that an interrupted run can be continued."""
    left = 1
    while left:
        step = client.post(f"{API}/replay", {**wanted, "after": totals["after"]}, seconds=130.0)
        totals["sent"] += step["sent"]
        totals["refused"] += step["refused"]
        totals["after"], left = step["after"], step["left"]
        if sys.stderr.isatty():
            click.echo(f"\rsent {totals['sent']}, refused {totals['refused']}, left {left}  ", nl=False, err=True)
