// Where a tracing backend shows a trace.

/** The template with the trace's id in it; null without a template, an id, or when it would be no web address. */
export function traceUrl(template: string, trace: unknown): string | null {
  if (template === "" || typeof trace !== "string" || !/^[0-9a-f]{32}$/.test(trace)) return null;
  const url = template.replaceAll("{trace_id}", trace);
  return /^https?:\/\//.test(url) ? url : null;
}
