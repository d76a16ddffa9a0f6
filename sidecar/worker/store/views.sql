-- The views for people, over `events_stored` (all events, large payloads by their heads) and `payload_parts`, which are
-- replaced whenever a day is sealed. A query that does not name the payload of `events` reads no part.

CREATE OR REPLACE VIEW events AS
SELECT
    * EXCLUDE (found, listed_calls),
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

-- One row per turn: a prompt, or an agent's start, and what came of it. It ends with its last Stop, else with its last
-- sign of work; without one it is over when the session went on or ended, or after half an hour of silence. With a call
-- open it ended when it was over: nothing tells when the user pressed Esc.
CREATE OR REPLACE VIEW turns AS
WITH told AS NOT MATERIALIZED (
    SELECT
        session_id,
        any_value(prompt_id) AS prompt_id,
        any_value(trace_id) AS trace_id,
        agent,
        turn,
        any_value(main) AS main,
        min(received_at) FILTER (role IN ('open', 'stop', 'work')) AS started_at,
        max(received_at) AS last_event_at,
        max(received_at) FILTER (role IN ('open', 'stop', 'work', 'echo')) AS last_work_at,
        max(received_at) FILTER (role = 'stop') AS stopped_at,
        max(seq) FILTER (role = 'stop') AS stop_seq,
        arg_max(hook_event_name = 'StopFailure' OR coalesce(success = false, false), seq) FILTER (role = 'stop') AS failed,
        max(seq) FILTER (event_type = 'PRE_TOOL_USE' AND (in_guide_words OR agent_id IS NULL)) AS went_on_seq,
        max(received_at) FILTER (role NOT IN ('end', 'aside') OR event_type = 'NOTIFICATION') AS last_sign_at,
        max(received_at) FILTER (role = 'end') AS session_end_at,
        -- After /compact comes no Stop: a turn of nothing else ends with its compaction.
        max(received_at) FILTER (hook_event_name = 'PostCompact') AS compacted_at,
        arg_max(hook_event_name = 'PostCompact', seq) FILTER (hook_event_name IN ('PreCompact', 'PostCompact'))
            AND count(*) FILTER (role = 'open' OR event_type = 'PRE_TOOL_USE') = 0 AS only_compacted,
        -- So it is with a command that a subagent does, a skill with `context: fork`: that one's end is the turn's.
        count(*) FILTER (role IN ('open', 'stop', 'work') AND (in_guide_words OR agent_id IS NULL)) = 0
            AND arg_max(hook_event_name IN ('SubagentStop', 'StopFailure'), seq)
                FILTER (hook_event_name IN ('SubagentStop', 'StopFailure', 'SubagentStart', 'PreToolUse')) AS only_delegated,
        max(received_at) FILTER (hook_event_name IN ('SubagentStop', 'StopFailure')) AS delegate_stopped_at,
        arg_max(hook_event_name = 'StopFailure', seq)
            FILTER (hook_event_name IN ('SubagentStop', 'StopFailure')) AS delegate_failed,
        bool_or(role = 'open') AS opening_seen,
        count(*) AS events,
        count(DISTINCT agent_id) FILTER (NOT in_guide_words) AS subagents,
        any_value(prompt) AS prompt
    FROM turn_events
    GROUP BY session_id, agent, turn
),
called AS NOT MATERIALIZED (
    SELECT
        session_id, agent, turn,
        count(*) AS tool_calls,
        count(*) FILTER (outcome IN ('error', 'denied')) AS tool_errors,
        count(*) FILTER (subagent_id IS NULL) AS own_tool_calls,
        bool_or(ended_at IS NULL) AS left_open,
        min(started_at) AS first_call_at,
        arg_max(outcome = 'denied', started_at) FILTER (subagent_id IS NULL) AS last_denied
    FROM tool_calls
    GROUP BY session_id, agent, turn
),
placed AS NOT MATERIALIZED (
    SELECT
        *,
        coalesce(only_compacted OR only_delegated, false) OR stop_seq > coalesce(went_on_seq, 0) AS finished,
        lead(started_at) OVER (PARTITION BY session_id, agent, main ORDER BY started_at) AS next_at,
        max(session_end_at) OVER (PARTITION BY session_id, agent, main) AS session_over_at
    FROM told
)
SELECT
    session_id,
    prompt_id,
    trace_id,
    agent,
    begun_at AS started_at,
    last_event_at,
    date_diff('microsecond', begun_at, coalesce(ended_at, last_work_at)) / 1000.0 AS duration_ms,
    events,
    coalesce(tool_calls, 0) AS tool_calls,
    coalesce(tool_errors, 0) AS tool_errors,
    subagents,
    outcome,
    prompt,
    turn,
    ended_at,
    coalesce(own_tool_calls, 0) AS own_tool_calls
FROM (
    SELECT
        *,
        -- Of a call that was under way when the hooks came up only the end was seen.
        CASE WHEN opening_seen THEN started_at ELSE least(started_at, first_call_at) END AS begun_at,
        least(next_at, CASE WHEN session_over_at >= started_at THEN session_over_at END) AS went_on_at,
        CASE WHEN went_on_at <= last_sign_at + INTERVAL 30 MINUTES THEN went_on_at END AS over_at,
        CASE
            WHEN finished THEN CASE WHEN failed OR (only_delegated AND delegate_failed) THEN 'api_error' ELSE 'completed' END
            WHEN went_on_at IS NULL AND last_event_at >= now() - INTERVAL 30 MINUTES THEN 'open'
            WHEN last_denied THEN 'denied'
            WHEN over_at IS NOT NULL THEN 'interrupted'
            ELSE 'abandoned'
        END AS outcome,
        CASE
            WHEN finished THEN greatest(
                stopped_at, CASE WHEN only_compacted THEN compacted_at END, CASE WHEN only_delegated THEN delegate_stopped_at END
            )
            WHEN outcome <> 'open' THEN greatest(last_work_at, CASE WHEN left_open THEN over_at END)
        END AS ended_at
    FROM placed
    LEFT JOIN called USING (session_id, agent, turn)
    WHERE started_at IS NOT NULL
);

-- What failed: events, and the calls of which only the batch tells so.
CREATE OR REPLACE VIEW errors AS
SELECT
    seq, received_at, agent, session_id, prompt_id, agent_id, hook_event_name, tool_name, tool_use_id, error,
    execution_time_ms, trace_id, span_id
FROM events_stored
WHERE event_type = 'ERROR' OR success = false
UNION ALL
SELECT
    seq, received_at, agent, session_id, prompt_id, agent_id, hook_event_name, listed.tool, listed.id, listed.error,
    NULL, trace_id, listed.span_id
FROM (SELECT *, unnest(listed_calls) AS listed FROM events_stored WHERE listed_calls IS NOT NULL) AS batch
WHERE NOT EXISTS (
    SELECT 1
    FROM events_stored AS ended
    WHERE ended.session_id = batch.session_id AND ended.tool_use_id = batch.listed.id
        AND ended.event_type IN ('POST_TOOL_USE', 'ERROR')
) AND (listed.error_type IS NOT NULL OR EXISTS (
    SELECT 1
    FROM events_stored AS begun
    WHERE begun.session_id = batch.session_id AND begun.tool_use_id = batch.listed.id
        AND begun.event_type = 'PRE_TOOL_USE'
));

-- One row per session.
CREATE OR REPLACE VIEW sessions AS
WITH parts AS NOT MATERIALIZED (
    SELECT
        session_id,
        agent,
        prompt_id,
        main,
        any_value(host) AS host,
        any_value(cwd) AS cwd,
        min(received_at) AS started_at,
        max(received_at) AS last_event_at,
        count(*) AS events,
        count(*) FILTER (event_type = 'ERROR' OR success = false) AS errors,
        count(*) FILTER (role = 'open') AS starts,
        min(seq) FILTER (role = 'open') AS first_start,
        min(seq) FILTER (role IN ('open', 'stop', 'work')) AS first_shape,
        max(seq) AS last_seq,
        arg_max(hook_event_name, seq) AS last_event,
        -- A client that resumes says what it loads under an id that it then throws away: that alone is no session.
        bool_or(hook_event_name <> 'InstructionsLoaded') AS is_session
    FROM event_roles
    WHERE hook_event_name <> 'LeanvibeProbe'   -- what `leanvibe doctor` sends
    GROUP BY session_id, agent, prompt_id, main
),
called AS NOT MATERIALIZED (
    SELECT session_id, count(DISTINCT call_key) AS tool_calls
    FROM (
        SELECT session_id, tool_use_id AS call_key
        FROM events_stored
        WHERE tool_use_id IS NOT NULL AND tool_name IS NOT NULL
        UNION ALL
        SELECT session_id, call_key FROM nameless_call_steps
        UNION ALL
        SELECT session_id, unnest(listed_calls).id FROM events_stored WHERE listed_calls IS NOT NULL
    )
    GROUP BY session_id
),
failed AS NOT MATERIALIZED (
    SELECT session_id, count(*) AS errors FROM errors WHERE hook_event_name = 'PostToolBatch' GROUP BY session_id
)
SELECT
    told.* EXCLUDE (errors, last_event, ended),
    coalesce(called.tool_calls, 0) AS tool_calls,
    told.errors + coalesce(failed.errors, 0) AS errors,
    last_event,
    ended
FROM (
    SELECT
        session_id,
        any_value(agent) AS agent,
        any_value(host) AS host,
        any_value(cwd) AS cwd,
        min(started_at) AS started_at,
        max(last_event_at) AS last_event_at,
        date_diff('microsecond', min(started_at), max(last_event_at)) / 1000.0 AS duration_ms,
        CAST(sum(events) AS BIGINT) AS events,
        CAST(sum(CASE
            WHEN first_shape IS NULL THEN 0
            WHEN prompt_id IS NOT NULL THEN 1
            ELSE starts + CAST(first_start IS NULL OR first_shape < first_start AS INTEGER)
        END) AS BIGINT) AS turns,
        CAST(sum(errors) AS BIGINT) AS errors,
        arg_max(parts.last_event, last_seq) AS last_event,
        arg_max(parts.last_event, last_seq) IN ('SessionEnd', 'AGENT_STOP')
            AND NOT bool_or(starts > 0 AND prompt_id IS NULL AND parts.last_event NOT IN ('SessionEnd', 'AGENT_STOP'))
            AS ended
    FROM parts
    GROUP BY session_id
    HAVING bool_or(is_session)
) AS told
LEFT JOIN called USING (session_id)
LEFT JOIN failed USING (session_id);

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
