// What PostToolBatch lists: every call of a batch, with what the model was shown for it. A call that never started (no
// such tool, a wrong input) or was refused is told of by it alone. Pure; the rules are those of sidecar/otel.

import { isFields, short, text, toldOf } from "./fields";

export interface Listed {
  readonly id: string;
  readonly tool: string;
  readonly detail: string;
  /** What the model was told instead of a result; empty where it got one. */
  readonly error: string;
  readonly outcome: "ok" | "error" | "denied";
}

/** Calls of one batch that are looked at. */
const MOST = 500;
/** Characters of a text that are looked at: the client puts its verdict first. */
const SHOWN = 400;
const USE_ERROR = "<tool_use_error>";
const DENIED =
  /permission to use .{1,300}\bdenied|doesn't want to (?:proceed|take this action)|requested permissions? to|\b(?:requires?|needs?) (?:approval|permission)|\b(?:has been|was) denied\b|\bdenied by\b|blocked by|\b(?:was|is) blocked\b|\bwhile in plan mode\b|\bhas not run\b|hook error|tool use was rejected|user rejected/i;

/** The calls with an id that a payload's `tool_calls` lists; none when it is no such list. */
export function listedIn(calls: unknown): readonly Listed[] {
  if (!Array.isArray(calls)) return [];
  return calls.slice(0, MOST).filter(isFields).filter((one) => text(one["tool_use_id"]) !== "").map(listed);
}

/** The same in a few words: the tools, and of what failed why. */
export function wordsOf(calls: readonly Listed[]): string {
  return short(calls.map((one) => (one.error ? `${one.tool}: ${one.error}` : one.tool)).join(", "));
}

function listed(one: Record<string, unknown>): Listed {
  const head = headOf(one["tool_response"]).slice(0, SHOWN);
  const refused = head.startsWith(USE_ERROR);
  const outcome = refused ? "error" : DENIED.test(head) ? "denied" : "ok";
  const error = outcome === "ok" ? "" : short(head.replaceAll(/<\/?tool_use_error>/g, ""));
  return { id: text(one["tool_use_id"]), tool: text(one["tool_name"]), detail: toldOf(one["tool_input"]), error, outcome };
}

/** The beginning of a string, or of the first text block of a list of blocks. */
function headOf(response: unknown): string {
  const first: unknown = Array.isArray(response) ? response[0] : response;
  return isFields(first) ? text(first["text"]) : text(first);
}
