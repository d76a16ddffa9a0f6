// What the page holds of the sidecar's events: the last ones, the sessions that they tell of, and the timeline.
// Plain data changes at once; the page is told at most ten times a second, however many events arrive.

import { shallowRef, triggerRef } from "vue";
import { eventOf, type HookEvent } from "../model/event";
import { next, type Session } from "../model/sessions";
import { Lanes } from "../timeline/lanes";

const TELL_MS = 100;

/** Events kept for lists and filters; older ones are in the store. */
export const KEPT_EVENTS = 10_000;
/** Sessions kept; those that were silent longest go first, but who waits for a person after all others. */
export const KEPT_SESSIONS = 500;

export const recent = shallowRef<HookEvent[]>([]);
export const sessions = shallowRef(new Map<string, Session>());
export const lanes = shallowRef(new Lanes());

const followers = new Set<(event: HookEvent) => void>();
let timer = 0;

/** Takes events in order of their numbers. */
export function take(raw: readonly unknown[]): void {
  for (const event of raw.map(eventOf)) {
    if (event === null) continue;
    recent.value.push(event);
    follow(event);
    lanes.value.take(event);
    for (const follower of followers) follower(event);
  }
  if (recent.value.length > KEPT_EVENTS * 1.2) recent.value = recent.value.slice(-KEPT_EVENTS);
  tell();
}

/** Takes the last events of a session that has been quiet for longer than the others: only its state is of interest. */
export function recall(raw: readonly unknown[]): void {
  for (const event of raw.map(eventOf)) if (event !== null) follow(event);
  tell();
}

/** Puts what the store tells of one session in its place, unless that session began anew here meanwhile. */
export function amend(asked: Session, changed: (session: Session) => Session): void {
  const one = sessions.value.get(asked.id);
  if (one === undefined || one.firstSeq !== asked.firstSeq) return;
  sessions.value.set(one.id, changed(one));
  tell();
}

/** Has `follower` told of each event as it comes, for a view that must miss none; ended by what is returned. */
export function onEvent(follower: (event: HookEvent) => void): () => void {
  followers.add(follower);
  return () => followers.delete(follower);
}

/** Forgets everything. */
export function clear(): void {
  recent.value = [];
  sessions.value = new Map();
  lanes.value = new Lanes();
}

function follow(event: HookEvent): void {
  sessions.value.set(event.session, next(sessions.value.get(event.session), event));
}

function forget(): void {
  const known = sessions.value;
  if (known.size <= KEPT_SESSIONS * 1.2) return;
  const latest = [...known.values()].sort((a, b) => asking(b) - asking(a) || b.lastAt - a.lastAt).slice(0, KEPT_SESSIONS);
  sessions.value = new Map(latest.map((one) => [one.id, one]));
}

function asking(session: Session): number {
  return Number(!session.ended && (session.waits.length > 0 || session.asked !== null));
}

function tell(): void {
  if (timer !== 0) return;
  timer = window.setTimeout(() => {
    timer = 0;
    forget();
    for (const one of [recent, sessions, lanes]) triggerRef(one);
  }, TELL_MS);
}
