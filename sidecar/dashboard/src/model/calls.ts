// Tool calls out of events: start and end paired by id, or, where an agent gives none, by order. By the rules of the
// store's view `tool_calls`, so that page and SQL tell the same.

import type { Listed } from "./batch";
import type { HookEvent } from "./event";

/** `denied` was never run, since somebody or something said no; of `unfinished` nothing told how it ended. */
export type Outcome = "open" | "ok" | "error" | "denied" | "unfinished";

export interface Call {
  readonly key: string;
  readonly session: string;
  readonly subagent: string | null;
  readonly prompt: string | null;
  readonly tool: string;
  readonly detail: string;
  readonly start: number;
  /** Milliseconds since the epoch; null while it runs. */
  readonly end: number | null;
  /** Null while it runs, and of a call that never ran or whose end is not known. */
  readonly tookMs: number | null;
  readonly outcome: Outcome;
  readonly error: string;
  /** When a person was asked for permission; null when nobody was. */
  readonly askedAt: number | null;
  readonly trace: string | null;
  /** The events that open and close it; 0 when there is none. */
  readonly startSeq: number;
  readonly endSeq: number;
  /** The subagent that it started. */
  readonly child: string | null;
}

const STARTS = new Set(["PreToolUse", "PRE_TOOL_USE"]);
const ENDS = new Set(["PostToolUse", "PostToolUseFailure", "PermissionDenied", "POST_TOOL_USE", "ERROR"]);
const ASKS = new Set(["PermissionRequest", "PERMISSION_REQUEST"]);
const OVER = new Set(["UserPromptSubmit", "AGENT_START", "Stop", "StopFailure", "SubagentStop", "SessionEnd", "AGENT_STOP"]);
const BATCH = "PostToolBatch";

/** Calls of killed agents never end: the oldest make room. */
const MOST_OPEN = 2000;
/** Calls that have ended and may be listed by their batch, or end a second time. */
const MOST_ENDED = 2000;

/** Follows events in order and keeps the calls that they tell of; mutable, since a window holds ten thousand. */
export class Calls {
  private readonly open = new Map<string, Call>();
  private readonly ended = new Map<string, Call>();

  /** What one more event makes of calls: each as it is now, none when the event is about none. */
  take(event: HookEvent): readonly Call[] {
    if (event.tool !== null && STARTS.has(event.name)) return [this.starts(event)];
    if (event.tool !== null && ENDS.has(event.name)) return [this.ends(event)];
    if (ASKS.has(event.name)) return this.asks(event);
    if (event.name === BATCH) return [...this.lists(event), ...this.overtaken(event)];
    return OVER.has(event.name) ? this.overtaken(event) : [];
  }

  private starts(event: HookEvent): Call {
    const call = begun(event);
    this.open.set(call.key, call);
    trim(this.open, MOST_OPEN);
    return call;
  }

  private ends(event: HookEvent): Call {
    const start = this.startOf(event) ?? { ...begun(event), start: event.at - (event.tookMs ?? 0), startSeq: 0 };
    this.open.delete(start.key);
    return this.done({
      ...start, end: event.at, endSeq: event.seq, error: event.error, trace: event.trace ?? start.trace,
      tookMs: event.tookMs ?? event.at - start.start, child: event.started ?? start.child,
      outcome: event.name === "PermissionDenied" ? "denied" : event.failed ? "error" : "ok",
    });
  }

  private startOf(event: HookEvent): Call | undefined {
    if (event.call !== null) return this.open.get(keyOf(event)) ?? this.ended.get(keyOf(event));
    const alike = (call: Call) => isOf(call, event) && call.tool === event.tool && call.key.startsWith(NAMELESS);
    return [...this.open.values()].find(alike);
  }

  private done(call: Call): Call {
    this.ended.set(call.key, call);
    trim(this.ended, MOST_ENDED);
    return call;
  }

  /** The calls of a batch that have no end of their own: only the batch tells of them. */
  private lists(event: HookEvent): Call[] {
    return event.listed.flatMap((one) => {
      const key = keyOf({ ...event, call: one.id });
      return this.ended.has(key) ? [] : [this.listed(event, one, key)];
    });
  }

  private listed(event: HookEvent, one: Listed, key: string): Call {
    const start = this.open.get(key);
    this.open.delete(key);
    const call = start ?? { ...begun({ ...event, call: one.id, tool: one.tool, detail: one.detail }), startSeq: 0 };
    // What began and ran tells its end by an event: this one was refused, in words that we need not know.
    const outcome = start && one.outcome === "ok" ? "denied" : one.outcome;
    const tookMs = start && outcome !== "denied" ? event.at - start.start : null;
    return this.done({ ...call, end: event.at, endSeq: event.seq, outcome, error: one.error, tookMs });
  }

  private asks(event: HookEvent): readonly Call[] {
    const fits = [...this.open.values()].filter((call) => isOf(call, event) && call.tool === event.tool && call.askedAt === null);
    const call = fits.filter((one) => one.detail === event.detail).at(-1) ?? fits.at(-1);
    if (call === undefined) return [];
    const asked = { ...call, askedAt: event.at };
    this.open.set(call.key, asked);
    return [asked];
  }

  /** A call without an end of its own (an interrupted turn, a killed process) is over when its agent is further. */
  private overtaken(event: HookEvent): readonly Call[] {
    const all = event.name === "SessionEnd";
    const over: Call[] = [];
    for (const [key, call] of this.open) {
      if (call.session !== event.session || (!all && call.subagent !== event.subagent)) continue;
      this.open.delete(key);
      over.push(this.done({ ...call, end: event.at, outcome: "unfinished" }));
    }
    return over;
  }
}

const NAMELESS = "#";

function begun(event: HookEvent): Call {
  return {
    key: keyOf(event), session: event.session, subagent: event.subagent, prompt: event.prompt, tool: event.tool ?? "",
    detail: event.detail, start: event.at, end: null, tookMs: null, outcome: "open", error: "", askedAt: null,
    trace: event.trace, startSeq: event.seq, endSeq: 0, child: null,
  };
}

function isOf(call: Call, event: HookEvent): boolean {
  return call.session === event.session && call.subagent === event.subagent;
}

/** A call without an id is told from others by the event that it begins with: its end belongs to the first that is open. */
function keyOf(event: HookEvent): string {
  return event.call === null ? `${NAMELESS}${event.seq}` : `${event.session}/${event.call}`;
}

function trim(calls: Map<string, Call>, most: number): void {
  if (calls.size > most) calls.delete(calls.keys().next().value ?? "");
}
