// Swim lanes: one per session and subagent, with tool calls as bars. Mutable and plain, off Vue's reactivity: it holds
// ten thousand events and is drawn on a canvas.

import { Calls, type Call } from "../model/calls";
import type { HookEvent } from "../model/event";
import { NO_SESSION } from "../model/sessions";

export interface Mark {
  readonly at: number;
  readonly kind: "prompt" | "permission" | "stop" | "failure";
  readonly seq: number;
}

export interface Lane {
  readonly key: string;
  readonly session: string;
  readonly subagent: string | null;
  readonly title: string;
  readonly cwd: string;
  readonly agent: string;
  readonly firstAt: number;
  lastAt: number;
  /** In order of start. */
  bars: Call[];
  marks: Mark[];
}

export const WINDOW_EVENTS = 10_000;

export class Lanes {
  readonly lanes = new Map<string, Lane>();
  private calls = new Calls();
  private places = new Map<string, { lane: Lane; index: number }>();
  private taken = 0;

  take(event: HookEvent): void {
    if (NO_SESSION.has(event.name) && !this.lanes.has(keyOf(event))) return;
    const lane = this.laneOf(event);
    lane.lastAt = Math.max(lane.lastAt, event.at);
    const kind = markOf(event);
    if (kind !== null) lane.marks.push({ at: event.at, kind, seq: event.seq });
    for (const call of this.calls.take(event)) this.put(call);
    if (++this.taken % 1000 === 0) this.forget(event.at);
  }

  /** The session with the latest event first, each followed by its subagents in the order in which they began. */
  inOrder(shows: (lane: Lane) => boolean): Lane[] {
    const heads = new Map<string, number>();
    for (const lane of this.lanes.values()) heads.set(lane.session, Math.max(heads.get(lane.session) ?? 0, lane.lastAt));
    return [...this.lanes.values()].filter(shows).sort(
      (a, b) =>
        (heads.get(b.session) ?? 0) - (heads.get(a.session) ?? 0) ||
        a.session.localeCompare(b.session) ||
        Number(a.subagent !== null) - Number(b.subagent !== null) ||
        a.firstAt - b.firstAt,
    );
  }

  private laneOf(event: HookEvent): Lane {
    const key = keyOf(event);
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      const title = event.subagent === null ? "" : event.subagentType || "subagent";
      lane = { key, session: event.session, subagent: event.subagent, title, cwd: event.cwd, agent: event.agent, firstAt: event.at, lastAt: event.at, bars: [], marks: [] };
      this.lanes.set(key, lane);
    }
    return lane;
  }

  private put(call: Call): void {
    const place = this.places.get(call.key);
    if (place) {
      place.lane.bars[place.index] = call;
      return;
    }
    const lane = this.lanes.get(`${call.session}/${call.subagent ?? ""}`);
    if (lane === undefined) return;
    this.places.set(call.key, { lane, index: lane.bars.push(call) - 1 });
  }

  /** Keeps about the last `WINDOW_EVENTS` events' worth of bars, whole lanes that fell silent going first. */
  private forget(now: number): void {
    const bars = [...this.lanes.values()].reduce((sum, lane) => sum + lane.bars.length + lane.marks.length, 0);
    if (bars <= WINDOW_EVENTS) return;
    const oldest = [...this.lanes.values()].sort((a, b) => a.lastAt - b.lastAt);
    let over = bars - WINDOW_EVENTS / 2;
    for (const lane of oldest) {
      if (over <= 0) break;
      over -= lane.bars.length + lane.marks.length;
      if (now - lane.lastAt > 60_000) this.lanes.delete(lane.key);
      else {
        lane.bars = lane.bars.slice(-200);
        lane.marks = lane.marks.slice(-100);
      }
    }
    this.places = new Map();
    for (const lane of this.lanes.values()) lane.bars.forEach((bar, index) => this.places.set(bar.key, { lane, index }));
  }
}

function keyOf(event: HookEvent): string {
  return `${event.session}/${event.subagent ?? ""}`;
}

function markOf(event: HookEvent): Mark["kind"] | null {
  if (event.type === "USER_PROMPT" || event.name === "UserPromptSubmit") return "prompt";
  if (event.type === "PERMISSION_REQUEST") return "permission";
  if (event.name === "StopFailure") return "failure";
  return event.name === "Stop" || event.name === "SubagentStop" ? "stop" : null;
}
