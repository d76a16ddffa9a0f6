"""How an operation is written down: its answers, its body, its parameters."""

from typing import Any

from sidecar.front.document.schemas import Schema, named

JSON = "application/json"
Part = dict[str, Any]

WHY = {
    400: "Not usable: no JSON, no object, no session, or a parameter that means nothing.",
    401: "It needs the token (reading: or the page's cookie), and none that is good came along.",
    403: "Not allowed: a web page of another origin, or a statement that is not one read-only SELECT.",
    404: "There is no such thing.",
    405: "The path takes another method.",
    409: "There is nothing to replay to, or a replay is under way.",
    413: "The body is too large, or holds too many values.",
    415: "Not a JSON type, or compressed.",
    421: "The Host header names another machine.",
    422: "Over its limit of time or memory.",
    500: "Our own fault; nothing was taken.",
    502: "The sink did not take it.",
    503: "Cannot be made durable, too much to do, or the worker is being started again: try again.",
}
GUARDED = (403, 421, 503)
"""What any path may answer."""
OURS = (401, *GUARDED)
"""Answered before a route sees the request, so never in a route's own shape."""


def content(schema: Schema, *types: str) -> Part:
    """A body of this schema, as JSON unless told otherwise."""
    return {kind: {"schema": schema} for kind in types or (JSON,)}


def answers(good: dict[int, Part], *refused: int, error: Schema | None = None) -> Part:
    """Every status that may come: the good ones, and the others with `{"error", "hint"}`."""
    shape = error or named("Error")
    bad = {
        status: {"description": WHY[status], "content": content(shape if status not in OURS else named("Error"))}
        for status in {*refused, *GUARDED}
    }
    return {str(status): part for status, part in sorted({**bad, **good}.items())}


def good(description: str, schema: Schema | None = None, *types: str) -> Part:
    """An answer that is no refusal."""
    return {"description": description, **({"content": content(schema, *types)} if schema is not None else {})}


def body(schema: Schema, *types: str) -> Part:
    """What must be sent."""
    return {"required": True, "content": content(schema, *types)}


def query(name: str, schema: Schema, description: str = "") -> Part:
    """A parameter of the query string that may be left out."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
