// Tool calls out of events: start and end paired by id, or, where an agent gives none, by order.

import type { HookEvent } from "./event";

export type Outcome = "open" | "ok" | "error" | "denied";

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
const OVER = new Set(["PostToolBatch", "Stop", "StopFailure", "SubagentStop", "SessionEnd", "AGENT_STOP"]);

/** Calls of killed agents never end: the oldest make room. */
const MOST_OPEN = 2000;

/** Follows events in order and keeps the calls that they tell of; mutable, since a window holds ten thousand. */
export class Calls {
  private readonly open = new Map<string, Call>();

  /** What one more event makes of a call: the call as it is now, null when the event is about none. */
  take(event: HookEvent): readonly Call[] {
    if (event.tool !== null && STARTS.has(event.name)) return [this.starts(event)];
    if (event.tool !== null && ENDS.has(event.name)) return [this.ends(event)];
    if (ASKS.has(event.name)) return this.asks(event);
    return OVER.has(event.name) ? this.overtaken(event) : [];
  }

  private starts(event: HookEvent): Call {
    const call: Call = {
      key: `${keyOf(event)}#${event.seq}`, session: event.session, subagent: event.subagent, prompt: event.prompt,
      tool: event.tool ?? "", detail: event.detail, start: event.at, end: null, tookMs: null, outcome: "open",
      error: "", askedAt: null, trace: event.trace, startSeq: event.seq, endSeq: 0, child: null,
    };
    this.open.set(keyOf(event), call);
    if (this.open.size > MOST_OPEN) this.open.delete(this.open.keys().next().value ?? "");
    return call;
  }

  private ends(event: HookEvent): Call {
    const key = keyOf(event);
    const begun = this.open.get(key) ?? this.starts({ ...event, at: event.at - (event.tookMs ?? 0) });
    this.open.delete(key);
    const denied = event.name === "PermissionDenied";
    return {
      ...begun, end: event.at, endSeq: event.seq, error: event.error, trace: event.trace ?? begun.trace,
      startSeq: begun.startSeq === event.seq ? 0 : begun.startSeq, tookMs: event.tookMs ?? event.at - begun.start,
      outcome: denied ? "denied" : event.failed ? "error" : "ok", child: event.started ?? begun.child,
    };
  }

  private asks(event: HookEvent): readonly Call[] {
    const fits = [...this.open].filter(([, call]) => isOf(call, event) && call.tool === event.tool && call.askedAt === null);
    const found = (fits.filter(([, call]) => call.detail === event.detail).at(-1) ?? fits.at(-1))?.[0];
    const call = found === undefined ? undefined : this.open.get(found);
    if (found === undefined || call === undefined) return [];
    const asked = { ...call, askedAt: event.at };
    this.open.set(found, asked);
    return [asked];
  }

  /** A call without an end of its own (a denied permission, a killed process) is over when its agent is further. */
  private overtaken(event: HookEvent): readonly Call[] {
    const all = event.name === "SessionEnd";
    const over: Call[] = [];
    for (const [key, call] of this.open) {
      if (call.session !== event.session || (!all && call.subagent !== event.subagent)) continue;
      this.open.delete(key);
      over.push({ ...call, end: event.at, tookMs: event.at - call.start, outcome: "denied", error: "ended without a result" });
    }
    return over;
  }
}

function isOf(call: Call, event: HookEvent): boolean {
  return call.session === event.session && call.subagent === event.subagent;
}

function keyOf(event: HookEvent): string {
  return `${event.session}/${event.call ?? `${event.subagent ?? ""}/${event.tool ?? ""}`}`;
}
