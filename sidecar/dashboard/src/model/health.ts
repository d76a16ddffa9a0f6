// What the sidecar says of itself, as the page shows it. Pure.

import { fieldsOf, type Fields } from "./fields";

export interface Part {
  readonly name: string;
  readonly status: string;
  readonly lag: number | null;
  readonly note: string;
}

export interface Performance {
  readonly health: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly success: number;
  readonly processed: number;
  readonly issues: readonly string[];
}

/** The guide's performance answer. */
export function performanceOf(answer: Fields): Performance {
  const told = fieldsOf(answer["performance"]);
  const percentiles = fieldsOf(told["processing_time_percentiles"]);
  const degradation = fieldsOf(answer["degradation"]);
  return {
    health: String(answer["health"] ?? "unknown"),
    perSecond: Number(told["events_per_second"] ?? 0),
    p50: Number(percentiles["p50"] ?? 0),
    p95: Number(percentiles["p95"] ?? 0),
    p99: Number(percentiles["p99"] ?? 0),
    success: Number(told["success_rate"] ?? 1),
    processed: Number(told["events_processed"] ?? 0),
    issues: [degradation["issues"], degradation["warnings"]].filter(Array.isArray).flat().map(String),
  };
}

/** Components and sinks of the health answer. */
export function partsOf(answer: Fields): Part[] {
  const parts = Object.entries({ ...fieldsOf(answer["components"]), ...fieldsOf(answer["sinks"]) });
  return parts.map(([name, told]) => [name, fieldsOf(told)] as const).map(([name, part]) => ({
    name: name.replaceAll("_", " "),
    status: String(part["status"] ?? "unknown"),
    lag: typeof part["lag_events"] === "number" ? part["lag_events"] : null,
    note: String(part["error"] ?? part["last_error"] ?? ""),
  }));
}

/** What was left out, by reason, from the Prometheus text. */
export function dropsOf(metrics: string): { reason: string; count: number }[] {
  const counts = (pattern: RegExp, named: (...labels: string[]) => string) =>
    [...metrics.matchAll(pattern)].map(([, ...found]) => ({ reason: named(...found.slice(0, -1)), count: Number(found.at(-1)) }));
  return [
    ...counts(/^leanvibe_dropped_total\{reason="([^"]*)"\} (\S+)$/gm, (reason = "") => reason),
    ...counts(/^leanvibe_sink_dropped_total\{reason="([^"]*)",sink="([^"]*)"\} (\S+)$/gm, (reason, sink) => `${sink} ${reason}`),
    ...counts(/^leanvibe_events_failed_total (\S+)$/gm, () => "refused"),
  ].filter((one) => one.count > 0);
}
