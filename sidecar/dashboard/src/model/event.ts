// One event as the page keeps it: the columns and a few words of the payload. The payload itself may be a megabyte;
// it stays in the store until someone asks for it.

import { listedIn, wordsOf, type Listed } from "./batch";
import { isFields, short, text, textOrNull, toldOf, type Fields } from "./fields";

export interface HookEvent {
  readonly seq: number;
  /** Receipt, milliseconds since the epoch. */
  readonly at: number;
  readonly agent: string;
  readonly type: string;
  readonly name: string;
  readonly session: string;
  readonly prompt: string | null;
  /** The subagent; null on the main thread. */
  readonly subagent: string | null;
  readonly subagentType: string;
  readonly tool: string | null;
  readonly call: string | null;
  readonly failed: boolean;
  readonly error: string;
  readonly tookMs: number | null;
  readonly cwd: string;
  readonly trace: string | null;
  /** What a person would want to read of the payload, short. */
  readonly detail: string;
  /** notification_type of a Notification, source of a SessionStart. */
  readonly kind: string;
  /** Tasks that go on in the background after a Stop. */
  readonly background: number;
  /** The subagent that an Agent call started. */
  readonly started: string | null;
  /** The calls that a PostToolBatch lists. */
  readonly listed: readonly Listed[];
}

/** Its error is a word such as `unknown`; what happened stands in the message. */
const API_ERROR = "StopFailure";
const BATCH = "PostToolBatch";

/** The event of one decoded message; null when it is none. Never throws, whatever the fields hold. */
export function eventOf(raw: unknown): HookEvent | null {
  if (!isFields(raw) || typeof raw["seq"] !== "number") return null;
  const payload = isFields(raw["payload"]) ? raw["payload"] : {};
  const name = text(raw["hook_event_name"]);
  const type = text(raw["event_type"]);
  const guide = name === type; // the guide's agent_id names the main agent
  const listed = name === BATCH ? listedIn(payload["tool_calls"]) : [];
  return {
    seq: raw["seq"],
    at: timeOf(raw["received_at"]),
    agent: text(raw["agent"]),
    type,
    name,
    session: text(raw["session_id"]),
    prompt: textOrNull(raw["prompt_id"]),
    subagent: guide ? null : textOrNull(raw["agent_id"]),
    subagentType: text(raw["agent_type"]),
    tool: textOrNull(raw["tool_name"]),
    call: textOrNull(raw["tool_use_id"]),
    failed: type === "ERROR" || raw["success"] === false,
    error: short(name === API_ERROR ? reasonOf(raw["error"], payload) : text(raw["error"])),
    tookMs: typeof raw["execution_time_ms"] === "number" ? raw["execution_time_ms"] : null,
    cwd: text(raw["cwd"]),
    trace: textOrNull(raw["trace_id"]),
    detail: detailOf(payload) || wordsOf(listed),
    kind: short(text(payload["notification_type"]) || text(payload["source"])),
    background: Array.isArray(payload["background_tasks"]) ? payload["background_tasks"].length : 0,
    started: startedBy(payload["tool_response"]),
    listed,
  };
}

/** Milliseconds since the epoch of an ISO time; 0 when it is no time. */
export function timeOf(value: unknown): number {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(at) ? at : 0;
}

function detailOf(payload: Fields): string {
  const inner = payload["tool_input"] ?? payload["parameters"];
  return toldOf(isFields(inner) ? inner : payload) || short(text(payload["last_assistant_message"]));
}

function reasonOf(error: unknown, payload: Fields): string {
  return [text(error), text(payload["last_assistant_message"])].filter(Boolean).join(": ");
}

function startedBy(response: unknown): string | null {
  return isFields(response) ? textOrNull(response["agentId"]) : null;
}
