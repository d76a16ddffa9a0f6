// One session as a tree: turns, in them tool calls, in those the subagents that they started. Pure.

import { Calls, type Call } from "./calls";
import type { HookEvent } from "./event";

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
  readonly end: number;
  readonly over: boolean;
  readonly failure: string;
  readonly failed: number;
  readonly trace: string | null;
  readonly seq: number;
  readonly calls: readonly CallNode[];
}

interface Draft {
  prompt: string | null; text: string; start: number; end: number; over: boolean; failure: string;
  trace: string | null; seq: number; calls: Map<string, Call>;
}

const OVER = new Set(["Stop", "StopFailure", "SessionEnd", "AGENT_STOP"]);

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

function turnFor(turns: Draft[], event: HookEvent): Draft {
  const opens = event.name === "UserPromptSubmit" || event.name === "AGENT_START" || event.name === "USER_PROMPT";
  let turn = event.prompt === null ? turns.at(-1) : turns.findLast((one) => one.prompt === event.prompt);
  if (turn === undefined || (opens && event.prompt === null && turn.calls.size > 0)) {
    turn = {
      prompt: event.prompt, text: "", start: event.at, end: event.at, over: false, failure: "", trace: event.trace,
      seq: event.seq, calls: new Map(),
    };
    turns.push(turn);
  }
  if (opens) turn.text = event.detail;
  if (event.name === "StopFailure") turn.failure = event.error || "the model's answer failed";
  if (OVER.has(event.name)) turn.over = true;
  turn.end = Math.max(turn.end, event.at);
  turn.trace = turn.trace ?? event.trace;
  return turn;
}

function finished(draft: Draft, types: ReadonlyMap<string, string>): Turn {
  const { calls, ...turn } = draft;
  const all = [...calls.values()];
  return { ...turn, failed: all.filter((call) => call.outcome === "error").length, calls: treeOf(all, types) };
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
