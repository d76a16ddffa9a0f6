"""The bodies of the OpenAPI document, by name (JSON Schema 2020-12)."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}


def named(name: str) -> Schema:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def struct(
    required: dict[str, Schema], optional: dict[str, Schema] | None = None, *, is_open: bool = False
) -> Schema:
    """An object with these fields and, unless `is_open`, no others."""
    fields = {**required, **(optional or {})}
    found: Schema = {"type": "object", "required": sorted(required), "properties": fields}
    return found if is_open else {**found, "additionalProperties": False}


def list_of(item: Schema) -> Schema:
    """An array of such items."""
    return {"type": "array", "items": item}


GUIDE_RESULT = struct(
    {
        "status": {"enum": ["processed", "failed"]},
        "event_id": MAYBE_TEXT,
        "processing_time_ms": NUMBER,
        "redacted": FLAG,
        "performance_warnings": list_of(TEXT),
    },
    {"error": TEXT, "hint": TEXT},
)

EVENT = struct(
    {
        "seq": COUNT,
        "event_id": TEXT,
        "received_at": TIME,
        "occurred_at": TIME,
        "host": TEXT,
        "agent": TEXT,
        "event_type": TEXT,
        "hook_event_name": TEXT,
        "session_id": TEXT,
        "payload": {"description": "The whole redacted body."},
        "prompt_id": MAYBE_TEXT,
        "agent_id": MAYBE_TEXT,
        "agent_type": MAYBE_TEXT,
        "tool_name": MAYBE_TEXT,
        "tool_use_id": MAYBE_TEXT,
        "success": {"type": ["boolean", "null"]},
        "error": MAYBE_TEXT,
        "execution_time_ms": {"type": ["number", "null"]},
        "cwd": MAYBE_TEXT,
        "redactions": {"type": "object", "additionalProperties": COUNT, "description": "Rule to count."},
        "redaction_failed": FLAG,
        "size_bytes": COUNT,
        "processing_time_ms": NUMBER,
        "trace_id": MAYBE_TEXT,
        "span_id": MAYBE_TEXT,
    }
)
"""Of the list of events, and of the live feed's messages."""

SCHEMAS: dict[str, Schema] = {
    "Error": struct({"error": TEXT, "hint": TEXT}),
    "NativePayload": {
        **struct({"session_id": TEXT}, {"hook_event_name": TEXT, "tool_name": TEXT, "cwd": TEXT}, is_open=True),
        "description": "What the agent's hook sends, whole: unknown fields are kept, and everything is redacted.",
    },
    "GuideEvent": struct(
        {"session_id": {**TEXT, "minLength": 1}},
        {
            "event_id": {**TEXT, "description": "A repeat within 24 hours is answered and not stored again."},
            "event_type": TEXT,
            "hook_event_name": TEXT,
            "agent": TEXT,
            "agent_id": TEXT,
            "agent_type": TEXT,
            "cwd": TEXT,
            "tool_name": TEXT,
            "timestamp": TEXT,
            "prompt_id": TEXT,
            "tool_use_id": TEXT,
            "success": FLAG,
            "execution_time_ms": NUMBER,
            "parameters": ANYTHING,
            "result": ANYTHING,
            "error": TEXT,
        },
        is_open=True,
    ),
    "GuideResult": GUIDE_RESULT,
    "GuideResults": struct(
        {
            "status": {"enum": ["processed", "failed"]},
            "processed": COUNT,
            "failed": COUNT,
            "processing_time_ms": NUMBER,
            "results": list_of(named("GuideResult")),
        }
    ),
    "Event": EVENT,
    "Events": struct(
        {
            "events": list_of(named("Event")),
            "last": {"type": ["integer", "null"]},
            "through": COUNT,
        },
        {"next_before": {"type": ["integer", "null"]}, "next_after": {"type": ["integer", "null"]}},
    ),
    "SqlRequest": struct({"query": {**TEXT, "maxLength": 100_000}}),
    "SqlAnswer": struct(
        {
            "columns": list_of(TEXT),
            "rows": list_of({"type": "array"}),
            "row_count": COUNT,
            "truncated": FLAG,
            "elapsed_ms": NUMBER,
            "behind": COUNT,
        }
    ),
    "ReplayRequest": struct(
        {"sink": TEXT},
        {
            "since": {"type": "integer"},
            "session_id": MAYBE_TEXT,
            "dead_letters": FLAG,
            "after": {"type": "integer"},
        },
    ),
    "ReplayStep": struct({}, is_open=True),
    "Performance": struct(
        {
            "timestamp": TEXT,
            "performance": struct(
                {
                    "events_processed": COUNT,
                    "events_failed": COUNT,
                    "events_per_second": NUMBER,
                    "avg_processing_time_ms": NUMBER,
                    "success_rate": NUMBER,
                    "processing_time_percentiles": struct({"p50": NUMBER, "p95": NUMBER, "p99": NUMBER}),
                },
            ),
            "health": {"enum": ["healthy", "degraded", "unhealthy"]},
            "degradation": struct({"is_degraded": FLAG, "issues": list_of(TEXT), "warnings": list_of(TEXT)}),
        },
        {"stages": {"type": "object", "additionalProperties": named("Stage")}},
    ),
    "Stage": struct(dict.fromkeys(("p50", "p95", "p99", "max"), NUMBER)),
    "Health": {
        **struct(
            {"status": {"enum": ["healthy", "degraded", "unhealthy"]}, "service": TEXT},
            {"components": {"type": "object"}},
            is_open=True,
        ),
        "description": "Status and service alone for who has no token where `metrics` is `token`.",
    },
    "SignIn": struct({"token": TEXT}),
    "Rotation": struct({}, {"tokens": list_of({"enum": ["reading", "ingest"]})}),
    "Rotated": struct({"rotated": list_of(TEXT)}),
    "Link": struct({"path": {**TEXT, "description": "Of the page, to be opened once within ten minutes."}}),
    "PageFacts": struct(
        {
            "host": TEXT,
            "version": TEXT,
            "trace_url": TEXT,
            "sql_max_rows": COUNT,
            "sql_timeout_seconds": NUMBER,
            "timestamp": TEXT,
        }
    ),
}
