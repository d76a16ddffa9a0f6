-- One batch: a JSON array of events as the journal encodes them, where a field with its default value is left out.
INSERT INTO leanvibe_events (
    seq, event_id, received_at, occurred_at, host, agent, event_type, hook_event_name, session_id, payload,
    prompt_id, agent_id, agent_type, tool_name, tool_use_id, success, error, execution_time_ms, cwd,
    redactions, redaction_failed, size_bytes, processing_time_ms, trace_id, span_id
)
SELECT
    coalesce(seq, 0),
    event_id,
    timestamptz 'epoch' + received_at * interval '1 microsecond',
    timestamptz 'epoch' + occurred_at * interval '1 microsecond',
    host, agent, event_type, hook_event_name, session_id,
    coalesce(payload, 'null'),
    prompt_id, agent_id, agent_type, tool_name, tool_use_id, success, error, execution_time_ms, cwd,
    coalesce(redactions, '{}'),
    coalesce(redaction_failed, false),
    coalesce(size_bytes, 0),
    coalesce(processing_time_ms, 0),
    trace_id,
    span_id
FROM json_to_recordset(%s) AS event (
    seq bigint,
    event_id text,
    received_at bigint,
    occurred_at bigint,
    host text,
    agent text,
    event_type text,
    hook_event_name text,
    session_id text,
    payload jsonb,
    prompt_id text,
    agent_id text,
    agent_type text,
    tool_name text,
    tool_use_id text,
    success boolean,
    error text,
    execution_time_ms double precision,
    cwd text,
    redactions jsonb,
    redaction_failed boolean,
    size_bytes bigint,
    processing_time_ms double precision,
    trace_id text,
    span_id text
)
-- Without a target, so that the statement outlives a change of the key.
ON CONFLICT DO NOTHING
