// Text of events as text: nothing in it moves the cursor, turns the line around or fills the page.

import { folder } from "./format";

const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
/** Half of a character that a cut went through. */
const HALF_AT_END = /[\ud800-\udbff]$/;
const HALF_AT_START = /^[\udc00-\udfff]/;
const HEAD = 8;
const TAIL = 4;
const LONGEST_ID = 512;

/** The text with terminal codes taken out, and what would be invisible or turn it around written out as \u….  */
export function visible(text: string): string {
  return text.replace(ANSI, "").replace(/\r\n/g, "\n").replace(HIDDEN, written);
}

/** The same on one line, at most `limit` characters. */
export function line(text: string, limit = 160): string {
  const one = visible(text.slice(0, limit * 4)).replace(/\s+/g, " ").trim();
  return one.length > limit ? `${one.slice(0, limit).replace(HALF_AT_END, "")}…` : one;
}

/** An id, short: its head and its tail, since those that a program numbers begin alike. */
export function shortId(id: string): string {
  const one = line(id, LONGEST_ID);
  if (one.length <= HEAD + TAIL + 1) return one;
  return `${one.slice(0, HEAD).replace(HALF_AT_END, "")}…${one.slice(-TAIL).replace(HALF_AT_START, "")}`;
}

/** The names of folders, as the page shows them, that more than one of these sessions has. */
export function sharedBy(sessions: Iterable<{ readonly cwd: string }>): ReadonlySet<string> {
  const once = new Set<string>();
  const more = new Set<string>();
  for (const name of [...sessions].map((one) => folder(one.cwd))) (once.has(name) ? more : once).add(name);
  return more;
}

/** The same as `visible`, at most `limit` characters, with how much was left out. */
export function block(text: string, limit = 20_000): { shown: string; left: number } {
  return { shown: visible(text.slice(0, limit).replace(HALF_AT_END, "")), left: Math.max(0, text.length - limit) };
}

/** Any JSON value for people: strings as they are, everything else indented. */
export function pretty(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, 2) ?? "";
}

function written(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
