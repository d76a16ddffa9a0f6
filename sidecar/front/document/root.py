"""The whole document (OpenAPI 3.1.0)."""

from typing import Any

from sidecar import __version__
from sidecar.front.document.paths import PATHS
from sidecar.front.document.schemas import SCHEMAS

DESCRIPTION = """A per-host sidecar that takes hook events of coding agents.

Requests must name this machine in their Host header, and those of web pages of other origins are refused. Reading
events always needs the token. Sending events needs none, unless the setting `ingest` is `token`; nor does what holds
no content of events (metrics, performance, this document), unless `metrics` is `token`. An operation that depends
on such a setting lists both: `{}`, which is no token, and the token.

**WebSocket** `GET /api/v1/websocket/observability` with `Upgrade: websocket` is the live feed: redacted events as
they are acknowledged, each message one JSON object with `events` (oldest first), `dropped` when this client was too
slow for so many, and `alerts`; `{"heartbeat": true}` when nothing came for a while. `session_id`, `agent`,
`agent_id`, `event_type` and `tool_name` choose; `after=SEQ` replays from the store, says `{"live": true, "seq": N}`
and follows. It needs the token or the cookie; without them, or for another origin, the handshake is answered with
403. What a client sends is ignored. Close codes: 1008 a question that cannot be answered, 1009 a message that is
too long, 1013 the store cannot be read or there are too many clients.
"""


def document() -> dict[str, Any]:
    """The document as it is served."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "leanvibe-sidecar", "version": __version__, "description": DESCRIPTION},
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "What `<data-dir>/token` holds."},
                "ingest": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "What `<data-dir>/ingest-token` holds.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "leanvibe",
                    "description": "Set by a one-time link or by signing in; its name has a number of its own.",
                },
            },
        },
    }
