"""One hook event on its way from an agent to a sidecar. Standard library only."""

from pathlib import Path
from typing import NamedTuple

DEFAULT_AGENT = "claude-code"


class Delivery(NamedTuple):
    """What is sent, and everything that the fallback must know.

    Args:
        body: the agent's payload, unredacted.
        event: the hook's name, as the command said it.
        agent: whose payload it is.
        event_id: made by the forwarder, so that a repeated delivery is recognised.
        micros: when the forwarder began, in microseconds since the epoch.
        data_dir: of the sidecar of this host.
        url: base URL of the sidecar.
        hooks_url: where the http hooks beside this command go; empty when it was not told.
    """

    body: bytes
    event: str
    agent: str
    event_id: str
    micros: int
    data_dir: Path
    url: str
    hooks_url: str
