-- The store's tables and views. `events` is a view from the first day: what stands behind it may grow parts.

CREATE TABLE IF NOT EXISTS events_hot (
    seq                 BIGINT NOT NULL,
    event_id            VARCHAR NOT NULL,
    received_at         TIMESTAMPTZ NOT NULL,
    occurred_at         TIMESTAMPTZ NOT NULL,
    host                VARCHAR,
    agent               VARCHAR NOT NULL,
    event_type          VARCHAR NOT NULL,
    hook_event_name     VARCHAR NOT NULL,
    session_id          VARCHAR NOT NULL,
    payload             JSON USING COMPRESSION zstd,
    prompt_id           VARCHAR,
    agent_id            VARCHAR,
    agent_type          VARCHAR,
    tool_name           VARCHAR,
    tool_use_id         VARCHAR,
    success             BOOLEAN,
    error               VARCHAR,
    execution_time_ms   DOUBLE,
    cwd                 VARCHAR,
    redactions          JSON,
    redaction_failed    BOOLEAN NOT NULL,
    size_bytes          BIGINT NOT NULL,
    processing_time_ms  DOUBLE NOT NULL,
    trace_id            VARCHAR,
    span_id             VARCHAR
);

-- What was exported as a span, so that SQL sees what a tracing backend sees.
CREATE TABLE IF NOT EXISTS spans (
    trace_id        VARCHAR NOT NULL,
    span_id         VARCHAR NOT NULL,
    parent_span_id  VARCHAR,
    service         VARCHAR NOT NULL,
    name            VARCHAR NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL,
    ended_at        TIMESTAMPTZ NOT NULL,
    status          VARCHAR NOT NULL,
    attributes      JSON USING COMPRESSION zstd
);

-- How far each consumer of the journal has come; written together with the rows that it stands for.
CREATE TABLE IF NOT EXISTS cursors (
    consumer  VARCHAR PRIMARY KEY,
    seq       BIGINT NOT NULL,
    state     VARCHAR              -- what the consumer must know to go on, JSON
);

-- What a sink will never take, with its reason.
CREATE TABLE IF NOT EXISTS dead_letters (
    sink       VARCHAR NOT NULL,
    seq        BIGINT NOT NULL,
    event_id   VARCHAR NOT NULL,
    died_at    TIMESTAMPTZ NOT NULL,
    reason     VARCHAR NOT NULL,
    payload    JSON USING COMPRESSION zstd
);

-- Totals that outlive a restart.
CREATE TABLE IF NOT EXISTS counters (
    metric   VARCHAR NOT NULL,
    labels   VARCHAR NOT NULL,     -- the values of the metric's labels, JSON
    value    DOUBLE NOT NULL,      -- a count, or the sum of what a histogram saw
    buckets  VARCHAR NOT NULL,     -- how many fell into each bucket of a histogram, JSON
    PRIMARY KEY (metric, labels)
);

CREATE OR REPLACE VIEW events AS
SELECT
    *,
    coalesce(payload -> 'tool_input', payload -> 'parameters') AS parameters,
    coalesce(payload -> 'tool_response', payload -> 'result') AS result
FROM events_hot;

-- One row per tool call: paired by its id, or, where an agent gives none, by order within session, agent and tool.
CREATE OR REPLACE VIEW tool_calls AS
WITH steps AS (
    SELECT
        *,
        event_type = 'PRE_TOOL_USE' AS is_start,
        event_type = 'POST_TOOL_USE' OR (event_type = 'ERROR' AND hook_event_name <> 'StopFailure') AS is_end
    FROM events_hot
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

CREATE OR REPLACE VIEW tool_stats AS
SELECT
    agent,
    tool_name,
    count(*) AS calls,
    count(*) FILTER (outcome = 'error') AS errors,
    count(*) FILTER (outcome = 'denied') AS denied,
    count(*) FILTER (outcome = 'open') AS open,
    round(avg(duration_ms), 3) AS avg_ms,
    round(quantile_cont(duration_ms, 0.5), 3) AS p50_ms,
    round(quantile_cont(duration_ms, 0.95), 3) AS p95_ms,
    max(duration_ms) AS max_ms,
    max(coalesce(ended_at, started_at)) AS last_used_at
FROM tool_calls
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
FROM events_hot
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
FROM events_hot
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
FROM events_hot, json_each(redactions) AS found
GROUP BY found.key;

CREATE OR REPLACE VIEW errors AS
SELECT
    seq, received_at, agent, session_id, prompt_id, agent_id, hook_event_name, tool_name, tool_use_id, error,
    execution_time_ms, trace_id, span_id
FROM events_hot
WHERE event_type = 'ERROR' OR success = false;
