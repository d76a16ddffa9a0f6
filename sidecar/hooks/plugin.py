"""The Claude Code plugin's hooks, made from the same table as what `hooks install` writes. Pure."""

import json
from pathlib import Path

from sidecar.hooks.table import DEFAULT_EVENTS, DEFAULT_URL, NEW_EVENTS, chosen, entries

PROGRAM = "leanvibe"
"""By its name: a plugin knows no path of the machine that it is installed on."""

DESCRIPTION = "Reports what the agent does to the leanvibe-sidecar of this machine"


EVENTS = ",".join(event for event in DEFAULT_EVENTS if event not in NEW_EVENTS)


def hooks_json(events: str = EVENTS, url: str = DEFAULT_URL, data_dir: Path | None = None) -> str:
    """The text of the plugin's `hooks/hooks.json`, or of the same for another sidecar.

    Raises:
        HooksError: an event cannot be hooked.
    """
    # the token is empty where the variable is not set
    made = entries(url, PROGRAM, chosen(events), with_token=True, data_dir=data_dir)
    hooks = {event: [entry] for event, entry in made.items()}
    return json.dumps({"description": DESCRIPTION, "hooks": hooks}, indent=2) + "\n"
