// Questions that people ask first.

export const EXAMPLES: readonly { readonly name: string; readonly query: string }[] = [
  {
    name: "Tools by time spent",
    query: `SELECT tool_name, calls, errors, avg_ms, p50_ms, p95_ms, max_ms
FROM tool_stats
ORDER BY calls * avg_ms DESC`,
  },
  {
    name: "Events per minute",
    query: `SELECT date_trunc('minute', received_at) AS minute, count(*) AS events,
       count(*) FILTER (event_type = 'ERROR') AS errors
FROM events
GROUP BY minute
ORDER BY minute`,
  },
  {
    name: "What failed lately",
    query: `SELECT received_at, session_id, tool_name, error
FROM errors
ORDER BY seq DESC
LIMIT 100`,
  },
  {
    name: "Slowest tool calls",
    query: `SELECT started_at, cwd, tool_name, duration_ms, outcome, parameters
FROM tool_calls
ORDER BY duration_ms DESC NULLS LAST
LIMIT 50`,
  },
  {
    name: "Turns with their prompts",
    query: `SELECT started_at, outcome, tool_calls, tool_errors, round(duration_ms) AS ms, prompt
FROM turns
ORDER BY started_at DESC
LIMIT 100`,
  },
  {
    name: "Commands that fail",
    query: `SELECT cwd, parameters->>'command' AS command, count(*) AS runs, count(*) FILTER (outcome = 'error') AS failed
FROM tool_calls
WHERE tool_name = 'Bash'
GROUP BY ALL
HAVING failed > 0
ORDER BY failed DESC`,
  },
  {
    name: "Files changed most",
    query: `SELECT parameters->>'file_path' AS file, count(*) AS changes, count(DISTINCT session_id) AS sessions
FROM tool_calls
WHERE tool_name IN ('Edit', 'Write', 'MultiEdit', 'NotebookEdit') AND outcome = 'ok'
GROUP BY file
ORDER BY changes DESC
LIMIT 100`,
  },
  {
    name: "What was redacted",
    query: `SELECT rule, replaced, events, sessions
FROM redaction_stats
ORDER BY replaced DESC`,
  },
];
