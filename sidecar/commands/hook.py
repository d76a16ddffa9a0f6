"""`leanvibe hook`: its help; `sidecar.hook` is what runs."""

from pathlib import Path

import rich_click as click

from sidecar.commands.options import data_dir_option


@click.command()
@click.argument("event")
@click.option("--agent", default="claude-code", help="Whose native payload it is.")
@data_dir_option
def hook(event: str, agent: str, data_dir: Path | None) -> None:
    """Take the hook EVENT on standard input to the sidecar. For the settings of agents, not for people.

    Prints nothing, always exits with 0, and takes at most 1.5 s (or LEANVIBE_HOOK_TIMEOUT, when that is less). When
    no sidecar answers, the event is redacted and kept for the next one, which SessionStart starts.

    Example: echo '{"session_id": "s"}' | leanvibe hook Stop
    """
    from sidecar import hook as forwarder

    forwarder.main([event, "--agent", agent, *(["--data-dir", str(data_dir)] if data_dir else [])])
