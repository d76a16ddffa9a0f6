// Recorded sessions of the real client, as the tap would send them.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { eventOf, type HookEvent } from "../src/model/event";

const TYPES: Record<string, string> = {
  PreToolUse: "PRE_TOOL_USE", PostToolUse: "POST_TOOL_USE", PostToolUseFailure: "ERROR", StopFailure: "ERROR",
  SessionStart: "AGENT_START", SubagentStart: "AGENT_START", Stop: "AGENT_STOP", SubagentStop: "AGENT_STOP",
  SessionEnd: "AGENT_STOP", UserPromptSubmit: "USER_PROMPT", PermissionRequest: "PERMISSION_REQUEST",
  Notification: "NOTIFICATION",
};
export const BASE = Date.UTC(2026, 0, 31, 12);

type Fields = Record<string, unknown>;

/** One native payload as an event, `at` seconds after `BASE`. */
export function event(body: Fields, at: number, seq: number): HookEvent {
  const name = String(body["hook_event_name"]);
  const type = TYPES[name] ?? "OTHER";
  const found = eventOf({
    seq, received_at: new Date(BASE + at * 1000).toISOString(), agent: "claude-code", event_type: type, hook_event_name: name,
    session_id: body["session_id"], prompt_id: body["prompt_id"], agent_id: body["agent_id"], agent_type: body["agent_type"],
    tool_name: body["tool_name"], tool_use_id: body["tool_use_id"], cwd: body["cwd"], error: body["error"],
    execution_time_ms: body["duration_ms"], success: type === "ERROR" ? false : null, payload: body,
  });
  if (found === null) throw new Error("no event");
  return found;
}

export function recording(name: string): HookEvent[] {
  const file = new URL(`../../../tests/data/sessions/${name}.jsonl.gz`, import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n");
  return lines.map((line, i) => {
    const { t, body } = JSON.parse(line) as { t: number; body: Fields };
    return event(body, t, i + 1);
  });
}

/** Events of a made-up session, a second apart. */
export function told(...steps: Fields[]): HookEvent[] {
  return steps.map((step, i) => event({ session_id: "s", cwd: "/srv/work/shop", prompt_id: "p1", ...step }, i, i + 1));
}
