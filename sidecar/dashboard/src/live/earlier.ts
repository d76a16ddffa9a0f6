// What sessions did before the first of their events that the page has: asked of the store once for each, so that what
// is told of a session is of all of it, however few of its events were loaded.

import { watch } from "vue";
import { eventOf, type HookEvent } from "../model/event";
import { isPrompt, withEarlier, withPrompt, type Session } from "../model/sessions";
import { backoff } from "./backoff";
import { events, sql } from "./api";
import { amend, sessions } from "./window";

/** Sessions of one query. */
const MOST = 100;
const SOON_MS = 300;
/** Tries in a row that fail before it is left until the next event of an unknown session. */
const TRIES = 6;
const before = (firsts: readonly number[]) => `WITH told AS (SELECT session_id, seq AS first_seq FROM events WHERE seq IN (${firsts.join(", ")})),
earlier AS (SELECT session_id, count(*) AS events, epoch_ms(min(received_at)) AS began
  FROM events JOIN told USING (session_id) WHERE seq < first_seq GROUP BY session_id),
failed AS (SELECT session_id, count(*) AS errors FROM errors JOIN told USING (session_id) WHERE seq < first_seq GROUP BY session_id)
SELECT first_seq, coalesce(events, 0), coalesce(errors, 0), began
FROM told LEFT JOIN earlier USING (session_id) LEFT JOIN failed USING (session_id)`;

let timer = 0;
let failures = 0;

/** Asks for whoever the page does not know the whole of, now and whenever such a session appears. */
export function followEarlier(): void {
  watch(sessions, soon, { immediate: true });
}

function unknown(): Session[] {
  return [...sessions.value.values()].filter((one) => one.real && !one.whole).slice(0, MOST);
}

function soon(): void {
  if (timer !== 0 || unknown().length === 0) return;
  timer = window.setTimeout(() => void ask(), failures > 0 ? backoff(failures) : SOON_MS);
}

async function ask(): Promise<void> {
  try {
    const asked = unknown();
    for (const one of asked.filter((each) => !each.ended && !each.prompted)) await prompt(one);
    const behind = asked.length > 0 && (await count(asked));
    failures = behind ? failures + 1 : 0;
  } catch {
    failures += 1;
  }
  timer = 0;
  if (failures < TRIES) soon();
}

/** Whether the store does not hold all of these sessions' first events yet. */
async function count(asked: readonly Session[]): Promise<boolean> {
  const answer = await sql(before(asked.map((one) => one.firstSeq)));
  const found = new Map(answer.rows.map(([first, ...told]) => [Number(first), told.map(Number)]));
  for (const one of asked) {
    const [events = 0, errors = 0, began = 0] = found.get(one.firstSeq) ?? [];
    if (found.has(one.firstSeq) || !answer.behind) amend(one, (now) => withEarlier(now, { events, errors, began: began || now.startedAt }));
  }
  return Boolean(answer.behind);
}

/** Looks for the prompt that a session works on. */
async function prompt(session: Session): Promise<void> {
  for (const event_type of ["USER_PROMPT", "AGENT_START"]) {
    const page = await events({ session_id: session.id, event_type, before: session.firstSeq, limit: 1 });
    const found = page.events.map(eventOf).find((one): one is HookEvent => one !== null && isPrompt(one));
    if (found) return amend(session, (now) => withPrompt(now, found));
  }
}
