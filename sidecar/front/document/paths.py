"""Every path that is served, each with every answer that it may give."""

from sidecar.front.document.parts import JSON, Part, answers, body, content, good, query
from sidecar.front.document.schemas import FLAG, TEXT, list_of, named
from sidecar.paths import API, CODES, HOOKS, OPEN_LINK, ROTATE, SIGN_IN

NDJSON = "application/x-ndjson"
HTML, SVG = "text/html", "image/svg+xml"
TOKEN: list[Part] = [{"token": []}, {"cookie": []}]
ANYONE: list[Part] = []
SENDER: list[Part] = [{}, {"ingest": []}, {"token": []}]
"""Anyone on this machine, unless `ingest = "token"`."""
STATUS: list[Part] = [{}, *TOKEN]
"""Anyone on this machine, unless `metrics = "token"`."""
SEQ = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}

_native: Part = {
    "summary": "Take one event as the agent's hook sends it",
    "description": "Durable when answered. Over the size limit the event is kept without its content.",
    "security": SENDER,
    "parameters": [
        {"name": "agent", "in": "path", "required": True, "schema": {"type": "string", "enum": ["claude-code"]}},
        {"name": "Idempotency-Key", "in": "header", "required": False, "schema": TEXT},
        {"name": "X-Leanvibe-Agent-Id", "in": "header", "required": False, "schema": TEXT},
        {"name": "X-Leanvibe-Agent-Name", "in": "header", "required": False, "schema": TEXT},
        {"name": "X-Leanvibe-Session-Id", "in": "header", "required": False, "schema": TEXT},
        {"name": "X-Leanvibe-Event", "in": "header", "required": False, "schema": TEXT},
        {"name": "X-Leanvibe-Enable", "in": "header", "required": False, "schema": TEXT},
    ],
    "requestBody": body(named("NativePayload")),
    "responses": answers({204: good("It is durable.")}, 400, 401, 404, 405, 415, 500),
}

_either = {"anyOf": [named("GuideResult"), named("GuideResults"), named("Error")]}
_guide: Part = {
    "summary": "Take one event, or an array or NDJSON of many",
    "security": SENDER,
    "parameters": [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": TEXT}],
    "requestBody": {
        "required": True,
        "content": {
            **content({"anyOf": [named("GuideEvent"), list_of(named("GuideEvent"))]}),
            NDJSON: {"schema": TEXT},
        },
    },
    "responses": {
        **answers(
            {200: good("What became of it.", {"anyOf": [named("GuideResult"), named("GuideResults")]})},
            400, 401, 413, 415, 500, error=_either,
        ),
        "503": good("It cannot be made durable, or there is too much to do.", _either),
    },
}  # fmt: skip

_events: Part = {
    "summary": "Recent events, newest first; with after= oldest first",
    "security": TOKEN,
    "parameters": [
        *(query(name, TEXT) for name in ("session_id", "agent", "agent_id", "event_type", "tool_name")),
        query("failed", FLAG),
        query("text", TEXT, "Found anywhere in the payload."),
        query("since", TEXT, "ISO 8601; received then or later."),
        query("until", TEXT, "ISO 8601; received before it."),
        query("before", SEQ),
        query("after", SEQ),
        query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
    ],
    "responses": answers({200: good("One page.", named("Events"))}, 400, 401, 422),
}

_sql: Part = {
    "summary": "One read-only SELECT over events and its views",
    "security": TOKEN,
    "requestBody": body(named("SqlRequest")),
    "responses": answers({200: good("The rows.", named("SqlAnswer"))}, 400, 401, 413, 422),
}

_replay: Part = {
    "summary": "Send again to a sink, step by step",
    "security": TOKEN,
    "requestBody": body(named("ReplayRequest")),
    "responses": answers({200: good("How far it has come.", named("ReplayStep"))}, 400, 401, 409, 413, 422, 502),
}

_health: Part = {
    "summary": "Every component and sink",
    "security": ANYONE,
    "responses": {
        **answers({200: good("It works.", named("Health"))}),
        "503": good("It cannot make events durable, or has too much to do.", {
            "anyOf": [named("Health"), named("Error")],
        }),
    },
}  # fmt: skip


def _plain(summary: str, schema: Part, *types: str, security: list[Part] = ANYONE) -> Part:
    refused = (401,) if security else ()
    return {
        "summary": summary,
        "security": security,
        "responses": answers({200: good("What was asked for.", schema, *types)}, *refused),
    }


_performance: Part = {
    "summary": "Throughput, latency and success rate",
    "security": STATUS,
    "parameters": [query("detail", FLAG, "Also where the time goes, by stage.")],
    "responses": answers({200: good("What was asked for.", named("Performance"))}, 400, 401),
}
_new_link: Part = {
    "summary": "A one-time link to the page",
    "security": TOKEN,
    "responses": answers({201: good("The link.", named("Link"))}, 401),
}
_sign_in: Part = {
    "summary": "The page's cookie, for whoever knows the token",
    "security": ANYONE,
    "requestBody": body(named("SignIn")),
    "responses": {
        **answers({204: good("The cookie is set.")}, 400, 413),
        "403": {"description": "The wrong token, or another page."},
    },
}
_rotate: Part = {
    "summary": "New tokens: the old ones, cookies and open WebSockets end",
    "security": [{"token": []}],
    "requestBody": body(named("Rotation")),
    "responses": answers({200: good("Which are new.", named("Rotated"))}, 400, 401, 413),
}
_open: Part = {
    "summary": "A one-time link: sets the cookie when the code is good, and leads to the page",
    "security": ANYONE,
    "parameters": [query("code", TEXT)],
    "responses": answers({303: good("To the page.")}, 400),
}
_asset: Part = {
    "summary": "A file of the page",
    "security": ANYONE,
    "parameters": [{"name": "name", "in": "path", "required": True, "schema": TEXT}],
    "responses": answers({200: good("The file.", TEXT, "text/javascript", "text/css", SVG)}, 401, 404),
}

PATHS: dict[str, dict[str, Part]] = {
    f"{HOOKS}/{{agent}}": {"post": _native},
    f"{API}/hook-events": {"post": _guide},
    f"{API}/events": {"get": _events},
    f"{API}/sql": {"post": _sql},
    f"{API}/replay": {"post": _replay},
    f"{API}/hook-performance": {"get": _performance},
    f"{API}/health": {"get": _health},
    f"{API}/page": {"get": _plain("What the page must know", named("PageFacts"), JSON, security=TOKEN)},
    "/metrics": {
        "get": _plain(
            "Prometheus text or OpenMetrics", TEXT, "text/plain", "application/openmetrics-text", security=STATUS,
        )
    },
    CODES: {"post": _new_link},
    SIGN_IN: {"post": _sign_in},
    ROTATE: {"post": _rotate},
    OPEN_LINK: {"get": _open},
    "/": {"get": _plain("The live page", TEXT, HTML)},
    "/favicon.svg": {"get": _plain("Its icon", TEXT, SVG)},
    "/assets/{name}": {"get": _asset},
    "/schema": {"get": _plain("This document", {"type": "object"}, security=STATUS)},
    "/schema/openapi.json": {"get": _plain("This document", {"type": "object"}, security=STATUS)},
}  # fmt: skip
