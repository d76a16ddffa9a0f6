// One session as a tree: turns, in them tool calls, in those the subagents that they started. Pure; when a turn begins and
// ends, and how, is told as by the store's view `turns`.

import { Calls, type Call } from "./calls";
import type { HookEvent } from "./event";
import { SILENT_MS } from "./sessions";

export interface CallNode {
  readonly call: Call;
  readonly inner: readonly CallNode[];
  /** The subagent that the inner calls belong to; empty when it started none. */
  readonly subagentType: string;
}

export interface Turn {
  readonly prompt: string | null;
  readonly text: string;
  readonly start: number;
  /** Its last Stop, else its last sign of work. */
  readonly end: number;
  /** The agent said so, or the session went on or ended; silence is `wordOf`'s matter. */
  readonly over: boolean;
  /** Over without the agent saying so. */
  readonly interrupted: boolean;
  readonly lastAt: number;
  readonly failure: string;
  readonly failed: number;
  readonly trace: string | null;
  readonly seq: number;
  readonly calls: readonly CallNode[];
}

interface Draft {
  prompt: string | null; text: string; start: number; end: number; begun: boolean; stopped: boolean; cut: boolean; failure: string;
  lastAt: number; trace: string | null; seq: number; calls: Map<string, Call>;
}

const OPENS = new Set(["UserPromptSubmit", "AGENT_START", "USER_PROMPT"]);
const STOPS = new Set(["Stop", "StopFailure", "AGENT_STOP"]);
/** What tells that somebody works on it; other events may come long after, such as a reminder. */
const WORKS = new Set([
  "PRE_TOOL_USE", "POST_TOOL_USE", "ERROR", "PERMISSION_REQUEST", "PreToolUse", "PostToolUse", "PostToolUseFailure",
  "PermissionDenied", "PermissionRequest", "PostToolBatch", "SubagentStart", "SubagentStop", "StopFailure", "PreCompact",
  "PostCompact", "MessageDisplay",
]);
const GOES_ON = new Set(["PreToolUse", "PRE_TOOL_USE"]);

/** The turns of one session's events (in order of their numbers), oldest first; those in which nothing happened left out. */
export function turnsOf(events: readonly HookEvent[]): Turn[] {
  const calls = new Calls();
  const turns: Draft[] = [];
  const owner = new Map<string, Draft>();
  const types = new Map<string, string>();
  for (const event of events) {
    const turn = turnFor(turns, event);
    if (event.subagent) types.set(event.subagent, event.subagentType);
    for (const call of calls.take(event)) {
      const home = owner.get(call.key) ?? turn;
      owner.set(call.key, home);
      home.calls.set(call.key, call);
    }
  }
  return turns.filter((turn) => turn.calls.size > 0 || turn.text !== "" || turn.failure !== "").map((turn) => finished(turn, types));
}

/** What a turn is at `now`: how long it took, or for how long it runs; and that it was cut short, or fell silent. */
export function stateOfTurn(turn: Turn, now: number): { readonly running: boolean; readonly tookMs: number; readonly word: string } {
  const silent = !turn.over && now - turn.lastAt > SILENT_MS;
  const running = !turn.over && !silent;
  return { running, tookMs: (running ? Math.max(now, turn.start) : turn.end) - turn.start, word: running ? "running" : silent ? "fell silent" : turn.interrupted ? "interrupted" : "" };
}

function turnFor(turns: Draft[], event: HookEvent): Draft {
  const opens = OPENS.has(event.name);
  let turn = event.prompt === null ? turns.at(-1) : turns.findLast((one) => one.prompt === event.prompt);
  if (turn === undefined || (opens && event.prompt === null && turn.calls.size > 0)) {
    turn = begun(event);
    turns.push(turn);
  }
  if (opens) {
    turn.text = event.detail;
    for (const other of turns) other.cut ||= other !== turn;
  }
  if (event.name === "StopFailure" && stops(event)) turn.failure = event.error || "the model's answer failed";
  if (event.name === "SessionEnd") for (const one of turns) one.cut = true;
  timed(turn, event);
  turn.trace = turn.trace ?? event.trace;
  return turn;
}

/** Whether the main agent stops with it: a subagent whose model fails says so by a StopFailure too. */
function stops(event: HookEvent): boolean {
  return STOPS.has(event.name) && (event.name !== "StopFailure" || event.subagent === null);
}

function begun(event: HookEvent): Draft {
  return {
    prompt: event.prompt, text: "", start: event.at, end: event.at, begun: false, stopped: false, cut: false,
    failure: "", lastAt: event.at, trace: event.trace, seq: event.seq, calls: new Map(),
  };
}

function timed(turn: Draft, event: HookEvent): void {
  turn.lastAt = Math.max(turn.lastAt, event.at);
  const shapes = OPENS.has(event.name) || STOPS.has(event.name) || (WORKS.has(event.name) && event.name !== "MessageDisplay");
  if (shapes && !turn.begun) [turn.begun, turn.start, turn.end] = [true, event.at, event.at];
  if (stops(event)) [turn.stopped, turn.end] = [true, event.at];
  else if (GOES_ON.has(event.name) && event.subagent === null) [turn.stopped, turn.end] = [false, event.at];
  else if (WORKS.has(event.name) && !turn.stopped) turn.end = Math.max(turn.end, event.at);
}

function finished(draft: Draft, types: ReadonlyMap<string, string>): Turn {
  const { calls, begun: _, stopped, cut, ...turn } = draft;
  const all = [...calls.values()];
  const failed = all.filter((call) => call.outcome === "error" || call.outcome === "denied").length;
  return { ...turn, over: stopped || cut, interrupted: cut && !stopped, failed, calls: treeOf(all, types) };
}

function treeOf(all: readonly Call[], types: ReadonlyMap<string, string>): CallNode[] {
  const parents = parentsOf(all);
  const nodes = (subagent: string | null): CallNode[] =>
    all
      .filter((call) => (parents.has(call.subagent ?? "") ? call.subagent === subagent : subagent === null))
      .sort((a, b) => a.start - b.start)
      .map((call) => {
        const child = [...parents].find(([, key]) => key === call.key)?.[0] ?? null;
        const own = child === null || child === subagent;
        return { call, inner: own ? [] : nodes(child), subagentType: child === null ? "" : (types.get(child) ?? "") };
      });
  return nodes(null);
}

/** Subagent → key of the call that started it: told by the call's result, else the open Agent call before its first step. */
function parentsOf(all: readonly Call[]): Map<string, string> {
  const parents = new Map(all.filter((call) => call.child).map((call) => [call.child ?? "", call.key]));
  for (const step of all) {
    if (step.subagent === null || parents.has(step.subagent)) continue;
    const taken = new Set(parents.values());
    const spawn = all.findLast(
      (call) => /^(Agent|Task)$/.test(call.tool) && call.start <= step.start && call.subagent !== step.subagent && !taken.has(call.key),
    );
    if (spawn) parents.set(step.subagent, spawn.key);
  }
  return parents;
}
