// One event as the page keeps it: the columns and a few words of the payload. The payload itself may be a megabyte;
// it stays in the store until someone asks for it.

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
}

export const DETAIL_CHARS = 240;
const TOLD = ["command", "file_path", "pattern", "url", "query", "description", "prompt", "message", "reason"];

type Fields = Record<string, unknown>;

/** The event of one decoded message; null when it is none. Never throws, whatever the fields hold. */
export function eventOf(raw: unknown): HookEvent | null {
  if (!isFields(raw) || typeof raw["seq"] !== "number") return null;
  const payload = isFields(raw["payload"]) ? raw["payload"] : {};
  const name = text(raw["hook_event_name"]);
  const type = text(raw["event_type"]);
  const guide = name === type; // the guide's agent_id names the main agent
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
    error: short(text(raw["error"])),
    tookMs: typeof raw["execution_time_ms"] === "number" ? raw["execution_time_ms"] : null,
    cwd: text(raw["cwd"]),
    trace: textOrNull(raw["trace_id"]),
    detail: detailOf(payload),
    kind: short(text(payload["notification_type"]) || text(payload["source"])),
    background: Array.isArray(payload["background_tasks"]) ? payload["background_tasks"].length : 0,
    started: startedBy(payload["tool_response"]),
  };
}

/** Milliseconds since the epoch of an ISO time; 0 when it is no time. */
export function timeOf(value: unknown): number {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(at) ? at : 0;
}

function detailOf(payload: Fields): string {
  const inner = payload["tool_input"] ?? payload["parameters"];
  const fields = isFields(inner) ? inner : payload;
  const found = TOLD.map((key) => fields[key]).find((value) => typeof value === "string" && value !== "");
  return short(text(found ?? payload["last_assistant_message"]));
}

function startedBy(response: unknown): string | null {
  return isFields(response) ? textOrNull(response["agentId"]) : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function short(value: string): string {
  return value.length > DETAIL_CHARS ? `${value.slice(0, DETAIL_CHARS)}…` : value;
}
