-- Events by turns and calls, by the rules of the spans (sidecar/otel), and the views of calls; the others are built on
-- them. `NOT MATERIALIZED`: DuckDB would write down all that a CTE holds when it is asked twice.

-- What each event is to its turn (sidecar/otel/kinds.py). `main` is whose turn it is where there is no prompt: in the
-- guide's words `agent_id` names the main agent, in an agent's own a subagent.
CREATE OR REPLACE VIEW event_roles AS
SELECT
    * EXCLUDE (payload),
    CASE WHEN event_type = 'USER_PROMPT' THEN payload ->> 'prompt' END AS prompt,
    hook_event_name = event_type AS in_guide_words,
    CASE WHEN in_guide_words AND prompt_id IS NULL THEN coalesce(agent_id, '') ELSE '' END AS main,
    CASE hook_event_name   -- no IN: DuckDB makes a join of a long one
        WHEN 'AGENT_START' THEN 'open'
        WHEN 'UserPromptSubmit' THEN 'open'
        WHEN 'AGENT_STOP' THEN 'stop'
        WHEN 'Stop' THEN 'stop'
        WHEN 'StopFailure' THEN CASE WHEN agent_id IS NULL THEN 'stop' ELSE 'work' END   -- that of a subagent ends no turn
        WHEN 'SessionEnd' THEN 'end'
        WHEN 'PRE_TOOL_USE' THEN 'work'
        WHEN 'POST_TOOL_USE' THEN 'work'
        WHEN 'ERROR' THEN 'work'
        WHEN 'PERMISSION_REQUEST' THEN 'work'
        WHEN 'PreToolUse' THEN 'work'
        WHEN 'PostToolUse' THEN 'work'
        WHEN 'PostToolUseFailure' THEN 'work'
        WHEN 'PermissionDenied' THEN 'work'
        WHEN 'PermissionRequest' THEN 'work'
        WHEN 'PostToolBatch' THEN 'work'
        WHEN 'SubagentStart' THEN 'work'
        WHEN 'SubagentStop' THEN 'work'
        WHEN 'PreCompact' THEN 'work'
        WHEN 'PostCompact' THEN 'work'
        WHEN 'MessageDisplay' THEN 'echo'
        WHEN 'USER_PROMPT' THEN 'echo'
        ELSE 'aside'
    END AS role
FROM events_stored;

-- Each event with its turn: the prompt's id, or, where an agent sends none, its name and how often it has started. That
-- is counted by row numbers, of all and of the others, which DuckDB makes ten times as fast as a running count.
CREATE OR REPLACE VIEW turn_events AS
SELECT *, prompt_id AS turn FROM event_roles WHERE prompt_id IS NOT NULL
UNION ALL
SELECT
    * EXCLUDE (among_all, among_alike),
    main || '#' || CASE WHEN role = 'open' THEN among_alike ELSE among_all - among_alike END
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY session_id, agent, main ORDER BY seq) AS among_all,
        row_number() OVER (PARTITION BY session_id, agent, main, role = 'open' ORDER BY seq) AS among_alike
    FROM event_roles
    WHERE prompt_id IS NULL
);

-- What tells of single calls.
CREATE OR REPLACE VIEW call_steps AS
SELECT
    seq, session_id, agent, prompt_id, turn, in_guide_words, agent_id, agent_type, tool_name, tool_use_id,
    received_at, execution_time_ms, error, trace_id, span_id, host, cwd,
    event_type = 'PRE_TOOL_USE' AS is_start,
    NOT is_start AS is_end,
    CASE
        WHEN is_start THEN NULL
        WHEN hook_event_name = 'PermissionDenied' THEN 'denied'
        WHEN coalesce(success, event_type <> 'ERROR') THEN 'ok'
        ELSE 'error'
    END AS verdict
FROM turn_events
WHERE tool_name IS NOT NULL AND event_type IN ('PRE_TOOL_USE', 'POST_TOOL_USE', 'ERROR')
    AND hook_event_name <> 'StopFailure';

-- Those without the call's id, with a key instead: first start with first end by turn, agent and tool. An end that finds
-- no start waiting is a call of its own, and does not count for the others.
CREATE OR REPLACE VIEW nameless_call_steps AS
WITH counted AS NOT MATERIALIZED (
    SELECT
        *,
        row_number() OVER (PARTITION BY session_id, agent, turn, agent_id, tool_name ORDER BY seq) AS among_all,
        row_number() OVER (PARTITION BY session_id, agent, turn, agent_id, tool_name, is_start ORDER BY seq) AS number,
        CASE WHEN is_end THEN number + number - among_all END AS ends_more
    FROM call_steps
    WHERE tool_use_id IS NULL
)
SELECT
    * EXCLUDE (among_all, number, ends_more),
    greatest(0, coalesce(max(ends_more) OVER (
        PARTITION BY session_id, agent, turn, agent_id, tool_name ORDER BY seq
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0)) AS alone,
    concat_ws(
        ' ', turn, agent_id, tool_name,
        CASE WHEN is_start THEN number WHEN ends_more > alone THEN -number ELSE number - alone END
    ) AS call_key
FROM counted;

-- One row per tool call: put together by its id, or that key. What never started, or was refused, only the batch tells
-- of. `duration_ms` is the span's: with hooks and the wait for permission. `seq` is the event that says what was asked.
CREATE OR REPLACE VIEW tool_calls AS
WITH keyed AS NOT MATERIALIZED (
    SELECT *, tool_use_id AS call_key FROM call_steps WHERE tool_use_id IS NOT NULL
    UNION ALL BY NAME
    SELECT * EXCLUDE (alone) FROM nameless_call_steps
    UNION ALL BY NAME
    SELECT
        * EXCLUDE (listed),
        listed.id AS tool_use_id, listed.id AS call_key, listed.tool AS tool_name, listed.error AS error,
        listed.span_id AS span_id, false AS is_start, false AS is_end,
        CASE
            WHEN listed.error_type = 'permission_denied' THEN 'denied'
            WHEN listed.error_type IS NOT NULL THEN 'error'
        END AS verdict
    FROM (
        SELECT
            seq, session_id, agent, prompt_id, turn, in_guide_words, agent_id, agent_type, received_at, trace_id, host,
            cwd, unnest(listed_calls) AS listed
        FROM turn_events
        WHERE listed_calls IS NOT NULL
    )
),
calls AS NOT MATERIALIZED (
    SELECT
        session_id,
        agent,
        turn,
        call_key,
        any_value(agent_id) AS agent_id,
        any_value(agent_type) AS agent_type,
        any_value(tool_name) AS tool_name,
        bool_or(prompt_id IS NOT NULL) AS has_prompt,
        bool_or(tool_use_id IS NOT NULL) AS has_id,
        bool_or(in_guide_words) AS in_guide_words,
        min(received_at) FILTER (is_start) AS pre_at,
        min(received_at) FILTER (is_end) AS post_at,
        min(received_at) FILTER (NOT is_start AND NOT is_end) AS batch_at,
        max(execution_time_ms) FILTER (is_end) AS execution_time_ms,
        min(verdict) FILTER (is_end) AS verdict,
        min(verdict) FILTER (NOT is_end) AS batch_verdict,
        coalesce(any_value(error) FILTER (is_end), any_value(error)) AS error,
        any_value(trace_id) AS trace_id,
        any_value(span_id) FILTER (is_start OR tool_use_id IS NOT NULL) AS span_id,   -- an end alone names no call
        min(seq) AS first_seq,
        coalesce(min(seq) FILTER (is_start), min(seq) FILTER (is_end), first_seq) AS asked_seq,
        any_value(host) AS host,
        any_value(cwd) AS cwd
    FROM keyed
    GROUP BY session_id, agent, turn, call_key   -- keys go to disk where memory ends, texts of any_value do not
),
-- What comes after a call that nothing ended tells that nothing will; so does half an hour in which nothing comes.
closed AS NOT MATERIALIZED (
    SELECT
        session_id, agent, main,
        max(seq) FILTER (role IN ('open', 'stop', 'end')) AS main_seq,
        max(seq) FILTER (role = 'end') AS session_seq,
        max(received_at) AS last_at
    FROM event_roles
    GROUP BY session_id, agent, main
),
made AS NOT MATERIALIZED (
    SELECT
        calls.session_id,
        CASE WHEN has_prompt THEN turn END AS prompt_id,
        calls.agent,
        agent_id,
        agent_type,
        calls.tool_name,
        CASE WHEN has_id THEN call_key END AS tool_use_id,
        coalesce(
            CASE WHEN coalesce(post_at, batch_at) < pre_at THEN NULL ELSE pre_at END,   -- it may have been overtaken
            post_at - to_microseconds(CAST(coalesce(execution_time_ms, 0) * 1000 AS BIGINT)), batch_at
        ) AS started_at,
        coalesce(post_at, batch_at) AS ended_at,
        date_diff('microsecond', started_at, ended_at) / 1000.0 AS duration_ms,
        execution_time_ms,
        CASE
            WHEN verdict IS NOT NULL THEN verdict
            WHEN batch_verdict IS NOT NULL THEN batch_verdict
            WHEN batch_at IS NOT NULL THEN CASE WHEN pre_at IS NULL THEN 'ok' ELSE 'denied' END   -- what ran tells its end
            WHEN first_seq < CASE WHEN in_guide_words OR agent_id IS NULL THEN main_seq ELSE session_seq END THEN 'unfinished'
            WHEN last_at < now() - INTERVAL 30 MINUTES THEN 'unfinished'
            ELSE 'open'
        END AS outcome,
        error,
        trace_id,
        span_id,
        turn,
        CASE WHEN NOT in_guide_words THEN agent_id END AS subagent_id,
        post_at IS NULL AND batch_at IS NOT NULL AS ended_by_batch,
        asked_seq AS seq,
        calls.host,
        calls.cwd
    FROM calls
    LEFT JOIN closed
        ON closed.session_id = calls.session_id AND closed.agent = calls.agent
        AND closed.main = CASE WHEN in_guide_words AND NOT has_prompt THEN coalesce(agent_id, '') ELSE '' END
)
-- With what the tools were asked, of which DuckDB reads nothing for a query that does not name it: so it is the last join,
-- with one row for each number. Of large payloads only those that begin a call are put together.
SELECT made.*, asked.parameters
FROM made
LEFT JOIN (
    SELECT stored.seq, any_value(coalesce(payload -> 'tool_input', payload -> 'parameters')) AS parameters
    FROM (
        SELECT stored.seq, coalesce(large.payload, stored.payload) AS payload
        FROM events_stored AS stored
        LEFT JOIN (
            SELECT seq, CAST(string_agg(text, '' ORDER BY part) AS JSON) AS payload
            FROM payload_parts
            WHERE seq IN (SELECT seq FROM events_stored WHERE event_type = 'PRE_TOOL_USE')
            GROUP BY seq
        ) AS large ON large.seq = stored.seq
        WHERE stored.event_type IN ('PRE_TOOL_USE', 'POST_TOOL_USE', 'ERROR')
    ) AS stored
    GROUP BY stored.seq
) AS asked ON asked.seq = made.seq;

-- Times are the tool's own where the agent tells them, and of calls that ran; `wall` adds hooks and waits.
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
    round(quantile_cont(wall_ms, 0.95), 3) AS p95_wall_ms,
    count(*) FILTER (outcome = 'unfinished') AS unfinished
FROM (
    SELECT
        *,
        CASE WHEN outcome IN ('ok', 'error') AND NOT ended_by_batch THEN duration_ms END AS wall_ms,
        CASE WHEN wall_ms IS NOT NULL THEN coalesce(execution_time_ms, duration_ms) END AS own_ms
    FROM tool_calls
)
GROUP BY agent, tool_name;
