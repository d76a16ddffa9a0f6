-- The views for people, over `events_stored` (all events, large payloads by their heads) and `payload_parts`, which are
-- replaced whenever a day is sealed. A query that does not name the payload of `events` reads no part.

CREATE OR REPLACE VIEW events AS
SELECT
    * EXCLUDE (found),
    coalesce(found[1], found[2]) AS parameters,
    coalesce(found[3], found[4]) AS result
FROM (
    -- One look for all four: each look at a payload holds all that it read until a whole vector of rows is done.
    SELECT *, json_extract(payload, ['tool_input', 'parameters', 'tool_response', 'result']) AS found
    FROM (
        SELECT stored.* REPLACE (coalesce(large.payload, stored.payload) AS payload)
        FROM events_stored AS stored
        LEFT JOIN (
            SELECT seq, CAST(string_agg(text, '' ORDER BY part) AS JSON) AS payload FROM payload_parts GROUP BY seq
        ) AS large ON large.seq = stored.seq
    )
);

-- One row per tool call: paired by its id, or, where an agent gives none, by order within session, agent and tool.
CREATE OR REPLACE VIEW tool_calls AS
WITH steps AS (
    SELECT
        *,
        event_type = 'PRE_TOOL_USE' AS is_start,
        event_type = 'POST_TOOL_USE' OR (event_type = 'ERROR' AND hook_event_name <> 'StopFailure') AS is_end
    FROM events_stored
    WHERE tool_name IS NOT NULL AND event_type IN ('PRE_TOOL_USE', 'POST_TOOL_USE', 'ERROR')
),
keyed AS (
    SELECT
        *,
        coalesce(
            tool_use_id,
            'order:' || row_number() OVER (
                PARTITION BY session_id, agent, agent_id, tool_name, is_start, tool_use_id IS NULL ORDER BY seq
            )
        ) AS call_key
    FROM steps
)
SELECT
    session_id,
    any_value(prompt_id) AS prompt_id,
    agent,
    agent_id,
    any_value(agent_type) AS agent_type,
    tool_name,
    any_value(tool_use_id) AS tool_use_id,
    coalesce(
        min(received_at) FILTER (is_start),
        min(received_at - to_microseconds(CAST(coalesce(execution_time_ms, 0) * 1000 AS BIGINT))) FILTER (is_end)
    ) AS started_at,
    max(received_at) FILTER (is_end) AS ended_at,
    date_diff('microsecond', started_at, ended_at) / 1000.0 AS duration_ms,
    max(execution_time_ms) FILTER (is_end) AS execution_time_ms,
    CASE
        WHEN NOT bool_or(is_end) THEN 'open'
        WHEN bool_or(hook_event_name = 'PermissionDenied') THEN 'denied'
        WHEN bool_and(coalesce(success, event_type <> 'ERROR')) FILTER (is_end) THEN 'ok'
        ELSE 'error'
    END AS outcome,
    any_value(error) AS error,
    any_value(trace_id) AS trace_id,
    any_value(span_id) AS span_id
FROM keyed
GROUP BY session_id, agent, agent_id, tool_name, call_key;

-- Times are the tool's own where the agent tells them, as on spans, and of calls that ran; `wall` adds hooks and waits.
CREATE OR REPLACE VIEW tool_stats AS
SELECT
    agent,
    tool_name,
    count(*) AS calls,
    count(*) FILTER (outcome = 'error') AS errors,
    count(*) FILTER (outcome = 'denied') AS denied,
    count(*) FILTER (outcome = 'open') AS open,
    round(avg(own_ms), 3) AS avg_ms,
    round(quantile_cont(own_ms, 0.5), 3) AS p50_ms,
    round(quantile_cont(own_ms, 0.95), 3) AS p95_ms,
    max(own_ms) AS max_ms,
    max(coalesce(ended_at, started_at)) AS last_used_at,
    round(quantile_cont(wall_ms, 0.5), 3) AS p50_wall_ms,
    round(quantile_cont(wall_ms, 0.95), 3) AS p95_wall_ms
FROM (
    SELECT
        *,
        CASE WHEN outcome IN ('ok', 'error') THEN duration_ms END AS wall_ms,
        CASE WHEN outcome IN ('ok', 'error') THEN coalesce(execution_time_ms, duration_ms) END AS own_ms
    FROM tool_calls
)
GROUP BY agent, tool_name;

-- One row per turn: a prompt and what came of it.
CREATE OR REPLACE VIEW turns AS
SELECT
    session_id,
    prompt_id,
    any_value(trace_id) AS trace_id,
    any_value(agent) AS agent,
    min(received_at) AS started_at,
    max(received_at) AS last_event_at,
    date_diff('microsecond', started_at, last_event_at) / 1000.0 AS duration_ms,
    count(*) AS events,
    count(DISTINCT tool_use_id) AS tool_calls,
    count(DISTINCT tool_use_id) FILTER (event_type = 'ERROR') AS tool_errors,
    count(DISTINCT agent_id) AS subagents,
    CASE
        WHEN bool_or(hook_event_name = 'StopFailure') THEN 'api_error'
        WHEN bool_or(hook_event_name = 'Stop') THEN 'completed'
        WHEN bool_or(hook_event_name = 'SessionEnd') THEN 'interrupted'
        ELSE 'open'
    END AS outcome,
    any_value(payload ->> 'prompt') FILTER (event_type = 'USER_PROMPT') AS prompt
FROM events_stored
WHERE prompt_id IS NOT NULL
GROUP BY session_id, prompt_id;

-- One row per session.
CREATE OR REPLACE VIEW sessions AS
SELECT
    session_id,
    any_value(agent) AS agent,
    any_value(host) AS host,
    any_value(cwd) AS cwd,
    min(received_at) AS started_at,
    max(received_at) AS last_event_at,
    date_diff('microsecond', started_at, last_event_at) / 1000.0 AS duration_ms,
    count(*) AS events,
    count(DISTINCT prompt_id) AS turns,
    count(DISTINCT tool_use_id) AS tool_calls,
    count(*) FILTER (event_type = 'ERROR') AS errors,
    arg_max(hook_event_name, seq) AS last_event,
    bool_or(hook_event_name = 'SessionEnd') AND arg_max(hook_event_name, seq) = 'SessionEnd' AS ended
FROM events_stored
WHERE hook_event_name <> 'LeanvibeProbe'   -- what `leanvibe doctor` sends
GROUP BY session_id;

-- What redaction took out, by rule.
CREATE OR REPLACE VIEW redaction_stats AS
SELECT
    found.key AS rule,
    CAST(sum(CAST(found.value AS BIGINT)) AS BIGINT) AS replaced,
    count(*) AS events,
    count(DISTINCT session_id) AS sessions,
    max(received_at) AS last_seen_at
FROM events_stored, json_each(redactions) AS found
GROUP BY found.key;

CREATE OR REPLACE VIEW errors AS
SELECT
    seq, received_at, agent, session_id, prompt_id, agent_id, hook_event_name, tool_name, tool_use_id, error,
    execution_time_ms, trace_id, span_id
FROM events_stored
WHERE event_type = 'ERROR' OR success = false;
