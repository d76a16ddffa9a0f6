"""The Claude Code plugin's hooks, made from the same table as what `hooks install` writes. Pure."""

import json

from sidecar.hooks.table import DEFAULT_EVENTS, DEFAULT_URL, NEW_EVENTS, chosen, entries

PROGRAM = "leanvibe"
"""By its name: a plugin knows no path of the machine that it is installed on."""

DESCRIPTION = "Reports what the agent does to the leanvibe-sidecar of this machine"


EVENTS = ",".join(event for event in DEFAULT_EVENTS if event not in NEW_EVENTS)


def hooks_json(events: str = EVENTS, url: str = DEFAULT_URL) -> str:
    """The text of the plugin's `hooks/hooks.json`.

    Raises:
        HooksError: an event cannot be hooked.
    """
    made = entries(url, PROGRAM, chosen(events), with_token=True)  # empty where the variable is not set
    hooks = {event: [entry] for event, entry in made.items()}
    return json.dumps({"description": DESCRIPTION, "hooks": hooks}, indent=2) + "\n"
