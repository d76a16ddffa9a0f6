// What each session is doing, from its events alone. Pure: one event in, a new session out.
//
// Events do not arrive in order: a MessageDisplay or the end of a tool may come after the Stop. So only a prompt or a
// new tool call of another prompt opens a turn again.

import type { HookEvent } from "./event";

export type State = "permission" | "you" | "working" | "idle" | "ended";

export interface OpenCall {
  readonly tool: string;
  readonly detail: string;
  readonly since: number;
  readonly subagent: string | null;
}

export interface Wait {
  readonly tool: string;
  readonly detail: string;
  readonly since: number;
  readonly subagent: string | null;
  /** The call that waits; null when none could be found for it. */
  readonly call: string | null;
}

export interface Session {
  readonly id: string;
  readonly agent: string;
  readonly cwd: string;
  readonly startedAt: number;
  readonly lastAt: number;
  readonly lastSeq: number;
  /** Of the first of its events that the page has. */
  readonly firstSeq: number;
  readonly events: number;
  readonly errors: number;
  readonly lastError: string;
  /** What it did before its first event here is counted as well, or it did nothing before. */
  readonly whole: boolean;
  /** The prompt of its last turn was seen: it is known since when that turn runs. */
  readonly prompted: boolean;
  /** What was asked for last, and what was answered. */
  readonly prompt: string;
  readonly answer: string;
  readonly turn: { readonly prompt: string | null; readonly since: number } | null;
  readonly turnEnded: { readonly prompt: string | null; readonly at: number; readonly tookMs: number } | null;
  readonly calls: ReadonlyMap<string, OpenCall>;
  /** Ids of the calls that have ended since the last batch of their agent: what it lists besides, only it tells of. */
  readonly done: ReadonlySet<string>;
  readonly waits: readonly Wait[];
  readonly asked: { readonly text: string; readonly since: number } | null;
  readonly subagents: ReadonlySet<string>;
  readonly background: number;
  readonly ended: boolean;
  /** A client that resumes says what it loads under an id that it then throws away, and `leanvibe doctor` sends probes. */
  readonly real: boolean;
}

/** After so long without an event a session that should be working, or waits for its next prompt, is idle. */
export const SILENT_MS = 30 * 60_000;
/** After so long an unanswered question is no longer news. */
export const STALE_MS = 12 * 3_600_000;

const ASKING = /^(idle_prompt|agent_needs_input|elicitation)/;
/** Prompts that the client writes by itself, when something in the background is done. */
const SYSTEM = /^<task-notification/;
/** Events that alone make no session, as for the store's view `sessions`. */
export const NO_SESSION: ReadonlySet<string> = new Set(["InstructionsLoaded", "LeanvibeProbe"]);
const NONE: ReadonlySet<string> = new Set();

/** The session after one more event; `before` is undefined for its first. An event that it has already changes nothing. */
export function next(before: Session | undefined, event: HookEvent): Session {
  const session = before ?? fresh(event);
  if (event.seq <= session.lastSeq) return session;
  const seen: Session = {
    ...session,
    cwd: event.cwd || session.cwd,
    lastAt: Math.max(session.lastAt, event.at),
    lastSeq: event.seq,
    events: session.events + 1,
    real: session.real || !NO_SESSION.has(event.name),
    errors: session.errors + (event.failed ? 1 : 0),
    lastError: event.failed ? event.error || event.name : session.lastError,
  };
  return { ...seen, ...changeOf(seen, event) };
}

/** What the store tells of a session's time before its first event here. */
export interface Earlier {
  readonly events: number;
  readonly errors: number;
  /** Milliseconds since the epoch. */
  readonly began: number;
}

/** The session with what it did before its first event here. */
export function withEarlier(session: Session, earlier: Earlier): Session {
  const startedAt = Math.min(session.startedAt, earlier.began);
  return { ...session, whole: true, startedAt, events: session.events + earlier.events, errors: session.errors + earlier.errors };
}

/** The session with the prompt that came before its first event here: its turn is as old as that. */
export function withPrompt(session: Session, prompt: HookEvent): Session {
  if (session.prompted) return session;
  const { turn, turnEnded } = session;
  const isOf = (other: string | null) => other === null || other === prompt.prompt;
  return {
    ...session,
    prompted: true,
    prompt: session.prompt || (SYSTEM.test(prompt.detail) ? "" : prompt.detail),
    turn: turn && isOf(turn.prompt) ? { ...turn, since: prompt.at } : turn,
    turnEnded: turnEnded && isOf(turnEnded.prompt) ? { ...turnEnded, tookMs: turnEnded.at - prompt.at } : turnEnded,
  };
}

/** Whether the event opens a turn. */
export function isPrompt(event: HookEvent): boolean {
  return event.name === "UserPromptSubmit" || event.name === "USER_PROMPT" || event.name === "AGENT_START";
}

/** What a session is doing at `now` (milliseconds since the epoch). */
export function stateOf(session: Session, now: number): State {
  const quiet = now - session.lastAt;
  if (session.ended) return "ended";
  if (session.waits.length > 0) return quiet > STALE_MS ? "idle" : "permission";
  if (session.asked) return quiet > STALE_MS ? "idle" : "you";
  if (isBusy(session)) return quiet > SILENT_MS ? "idle" : "working";
  return session.turnEnded && quiet <= SILENT_MS ? "you" : "idle";
}

/** Since when it has been waiting for a person; its last event when it is not. */
export function waitingSince(session: Session): number {
  return session.waits[0]?.since ?? session.asked?.since ?? session.turnEnded?.at ?? session.lastAt;
}

/** Each state in words. */
export const STATE_NAMES: Readonly<Record<State, string>> = {
  permission: "waiting for permission", you: "waiting for you", working: "working", idle: "idle", ended: "ended",
};

const ORDER: readonly State[] = ["permission", "you", "working", "idle", "ended"];

/** Those that wait for a person first, the longest wait before the others; then the latest. None changes its place while it goes on. */
export function inOrder(sessions: Iterable<Session>, now: number): Session[] {
  const placed = [...sessions].map((session) => {
    const state = stateOf(session, now);
    const since = state === "permission" ? -waitingSince(session) : state === "working" ? (session.turn?.since ?? session.startedAt) : session.lastAt;
    return { session, rank: ORDER.indexOf(state), since };
  });
  return placed.sort((a, b) => a.rank - b.rank || b.since - a.since || a.session.firstSeq - b.session.firstSeq).map((one) => one.session);
}

function fresh(event: HookEvent): Session {
  return {
    id: event.session, agent: event.agent, cwd: event.cwd, startedAt: event.at, lastAt: event.at, lastSeq: 0, firstSeq: event.seq,
    events: 0, errors: 0, lastError: "", whole: isFirst(event), prompted: false, prompt: "", answer: "", turn: null, turnEnded: null, calls: new Map(), done: NONE, waits: [],
    asked: null, subagents: NONE, background: 0, ended: false, real: false,
  };
}

/** Nothing came before: the sidecar's first event, or the start of a session that nobody resumes. */
function isFirst(event: HookEvent): boolean {
  return event.seq <= 1 || (event.name === "SessionStart" && (event.kind === "startup" || event.kind === "clear"));
}

function isBusy(session: Session): boolean {
  return session.turn !== null || session.calls.size > 0 || session.subagents.size > 0 || session.background > 0;
}

function changeOf(session: Session, event: HookEvent): Partial<Session> {
  switch (event.name) {
    case "UserPromptSubmit":
    case "USER_PROMPT":
    case "AGENT_START":
      return {
        turn: { prompt: event.prompt, since: event.at }, prompted: true,
        prompt: SYSTEM.test(event.detail) ? session.prompt : event.detail || session.prompt, answer: "",
        waits: session.waits.filter((wait) => wait.subagent), asked: null, background: 0, ended: false, ...closed(session, null),
      };
    case "PreToolUse":
    case "PRE_TOOL_USE":
      return started(session, event);
    case "PermissionRequest":
    case "PERMISSION_REQUEST":
      return { waits: [...session.waits, waitOf(session, event)], asked: null };
    case "PostToolUse":
    case "PostToolUseFailure":
    case "PermissionDenied":
    case "POST_TOOL_USE":
      return finished(session, event);
    case "ERROR":
      return event.tool ? finished(session, event) : {};
    case "PostToolBatch":
      return batchOver(session, event);
    case "Notification":
    case "NOTIFICATION":
      return ASKING.test(event.kind) ? { asked: { text: event.detail, since: event.at } } : {};
    case "SubagentStart":
      return event.subagent ? { subagents: new Set(session.subagents).add(event.subagent) } : {};
    case "SubagentStop":
      return subagentGone(session, event);
    case "StopFailure":
      return event.subagent ? subagentGone(session, event) : turnOver(session, event);
    case "Stop":
    case "AGENT_STOP":
      return turnOver(session, event);
    case "SessionStart":
      return event.kind === "compact" ? {} : { ...atRest(session), ended: false, turnEnded: null };
    case "SessionEnd":
      return { ...atRest(session), ended: true };
    default:
      return {};
  }
}

function started(session: Session, event: HookEvent): Partial<Session> {
  const call: OpenCall = { tool: event.tool ?? "", detail: event.detail, since: event.at, subagent: event.subagent };
  const late = session.turnEnded !== null && session.turnEnded.prompt === event.prompt && event.prompt !== null;
  const opens = session.turn === null && event.subagent === null && !late;
  return {
    calls: new Map(session.calls).set(event.call ?? `${namelessOf(event)}#${event.seq}`, call),
    ...(opens ? { turn: { prompt: event.prompt, since: event.at } } : {}),
    asked: null,
    ended: false,
  };
}

function finished(session: Session, event: HookEvent): Partial<Session> {
  const calls = new Map(session.calls);
  const key = event.call ?? [...calls.keys()].find((one) => one.startsWith(`${namelessOf(event)}#`)) ?? "";
  calls.delete(key);
  const waits = session.waits.filter(
    (wait) => (wait.call === null ? wait.tool !== event.tool || wait.subagent !== event.subagent : wait.call !== key),
  );
  return { calls, waits, ...(event.call === null ? {} : { done: remembered(session.done, event.call) }) };
}

/** Agents that send no batches must not fill it. */
const MOST_DONE = 500;

function remembered(done: ReadonlySet<string>, call: string): ReadonlySet<string> {
  return new Set(done.size < MOST_DONE ? done : NONE).add(call);
}

/** A batch answers what was asked, and tells of calls that never started, or were refused: what failed counts as well. */
function batchOver(session: Session, event: HookEvent): Partial<Session> {
  const failed = event.listed.filter((one) => (one.error !== "" || session.calls.has(one.id)) && !session.done.has(one.id));
  const done = new Set(session.done);
  for (const one of event.listed) done.delete(one.id);
  const waits = session.waits.filter((wait) => wait.subagent !== event.subagent);
  return { waits, done, errors: session.errors + failed.length, lastError: failed.at(-1)?.error || session.lastError, ...closed(session, event.subagent) };
}

function closed(session: Session, subagent: string | null): Partial<Session> {
  return { calls: new Map([...session.calls].filter(([, call]) => call.subagent !== subagent)) };
}

function subagentGone(session: Session, event: HookEvent): Partial<Session> {
  const subagents = new Set(session.subagents);
  subagents.delete(event.subagent ?? "");
  return {
    subagents,
    waits: session.waits.filter((wait) => wait.subagent !== event.subagent),
    calls: new Map([...session.calls].filter(([, call]) => call.subagent !== event.subagent || call.subagent === null)),
    background: Math.max(0, session.background - (session.subagents.has(event.subagent ?? "") ? 0 : 1)),
  };
}

function turnOver(session: Session, event: HookEvent): Partial<Session> {
  const since = session.turn?.since ?? event.at;
  return {
    turn: null,
    answer: event.detail,
    turnEnded: { prompt: event.prompt, at: event.at, tookMs: event.at - since },
    calls: new Map([...session.calls].filter(([, call]) => call.subagent !== null)),
    waits: session.waits.filter((wait) => wait.subagent !== null),
    asked: null,
    background: Math.max(0, event.background - session.subagents.size),
  };
}

function atRest(session: Session): Partial<Session> {
  return { turn: null, calls: new Map(), done: NONE, waits: [], asked: null, subagents: NONE, background: 0, turnEnded: session.turnEnded };
}

/** A permission request carries no call id: it belongs to the last open call of the same agent and tool that waits for none. */
function waitOf(session: Session, event: HookEvent): Wait {
  const taken = new Set(session.waits.map((wait) => wait.call));
  const fits = [...session.calls].filter(
    ([key, call]) => call.tool === event.tool && call.subagent === event.subagent && !taken.has(key),
  );
  const same = fits.filter(([, call]) => call.detail === event.detail);
  const found = (same.length > 0 ? same : fits).at(-1);
  return { tool: event.tool ?? "", detail: event.detail, since: event.at, subagent: event.subagent, call: found?.[0] ?? null };
}

/** Calls without an id are told from others by the event that they begin with; the first of their kind ends first. */
function namelessOf(event: HookEvent): string {
  return `${event.subagent ?? ""}/${event.tool ?? ""}`;
}
