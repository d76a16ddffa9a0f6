"""`leanvibe hook`: its help; `sidecar.hook` is what runs."""

from pathlib import Path

import rich_click as click

from sidecar.commands.options import data_dir_option


@click.command()
@click.argument("event")
@click.option("--agent", default="claude-code", help="Whose native payload it is (default: claude-code).")
@click.option("--url", default="", help="Where a sidecar is looked for, and started, when none is known to run.")
@data_dir_option
def hook(event: str, agent: str, url: str, data_dir: Path | None) -> None:
    """Take the hook EVENT on standard input to the sidecar. For the settings of agents, not for people.

    Prints nothing, always exits with 0, and takes at most 1.5 s (or LEANVIBE_HOOK_TIMEOUT, when that is less). When
    no sidecar answers, the event is redacted and kept for the next one, which SessionStart starts.

    Example: echo '{"session_id": "s"}' | leanvibe hook Stop
    """
    from sidecar import hook as forwarder

    given = {"--agent": agent, "--url": url, "--data-dir": str(data_dir or "")}
    forwarder.main([event, *(word for option in given.items() if option[1] for word in option)])
