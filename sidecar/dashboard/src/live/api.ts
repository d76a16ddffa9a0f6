// Questions to the sidecar that served this page; the browser sends the page's cookie along.

import type { Answer } from "../model/table";
import { learn } from "./now";

export const API = "/api/v1/observability";

export interface Facts {
  readonly host: string;
  readonly version: string;
  readonly trace_url: string;
  readonly sql_max_rows: number;
  readonly sql_timeout_seconds: number;
  readonly timestamp: string;
}

export interface Page {
  readonly events: readonly unknown[];
  readonly next_before?: number | null;
  readonly next_after?: number | null;
}

/** What went wrong, with what to do about it; `locked` when the page may not read, not `reached` when nobody answered. */
export class ApiError extends Error {
  constructor(message: string, readonly hint: string, readonly locked: boolean, readonly reached = true) {
    super(message);
  }
}

/** What went wrong, and what to do, as sentences for people. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [error.message, error instanceof ApiError ? error.hint : ""].filter(Boolean).map(sentence).join(" ");
}

function sentence(text: string): string {
  const end = /[.!?]$/.test(text) ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}

async function asked<T>(path: string, init?: RequestInit): Promise<T> {
  const answer = await fetch(path, { ...init, signal: init?.signal ?? AbortSignal.timeout(60_000) }).catch(() => {
    throw new ApiError("the sidecar does not answer", "is it running? leanvibe status", false, false);
  });
  const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  learn(body["timestamp"]);
  if (answer.ok || "components" in body) return body as T;
  const message = String(body["error"] ?? body["detail"] ?? `the sidecar answered ${answer.status}`);
  throw new ApiError(message, String(body["hint"] ?? ""), answer.status === 401);
}

export const facts = () => asked<Facts>(`${API}/page`);
export const health = () => asked<Record<string, unknown>>(`${API}/health`);
export const performance = () => asked<Record<string, unknown>>(`${API}/hook-performance`);
export const metrics = () => fetch("/metrics").then((answer) => (answer.ok ? answer.text() : null));

/** One page of stored events. */
export function events(query: Record<string, string | number>): Promise<Page> {
  const words = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return asked<Page>(`${API}/events?${words}`);
}

/** The answer to one SELECT. */
export function sql(query: string): Promise<Answer> {
  return asked<Answer>(`${API}/sql`, posted({ query }));
}

/** Whether the token was right; the browser then has the page's cookie. */
export async function signIn(token: string): Promise<boolean> {
  return (await fetch("/api/v1/access/session", posted({ token }))).ok;
}

/** One stored event, with its whole payload; null when it is not there any more. */
export async function event(seq: number): Promise<Record<string, unknown> | null> {
  const page = await events({ after: seq - 1, before: seq + 1, limit: 1 });
  return (page.events[0] as Record<string, unknown> | undefined) ?? null;
}

function posted(body: unknown): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}
