// Starts the page: may it read, what happened lately, and from there on live.

import { reactive, readonly, ref } from "vue";
import { ApiError, events, facts, sql, told, type Facts } from "./api";
import { backoff } from "./backoff";
import { followEarlier } from "./earlier";
import { Feed, type Link } from "./feed";
import { clear, recall, recent, sessions, take } from "./window";

const FIRST_EVENTS = 3000;
const PAGE = 1000;
const QUIET = `SELECT session_id FROM sessions WHERE NOT ended AND last_event_at > now() - INTERVAL 12 HOURS
ORDER BY last_event_at DESC LIMIT 40`;
export type Phase = "starting" | "locked" | "open" | "away";

const state = reactive({ phase: "starting" as Phase, link: "connecting" as Link, retryAt: 0, trouble: "", reached: true });
export const status = readonly(state);
export const about = ref<Facts | null>(null);

/** How often it is tried to find out who is quiet. */
const TRIES = 6;

let feed: Feed | null = null;
let beginnings = 0;
followEarlier();

/** Loads what happened lately and follows; safe to call again. */
export async function begin(): Promise<void> {
  const mine = ++beginnings;
  feed?.stop();
  clear();
  if (state.phase === "open") state.phase = "starting"; // what views have loaded is of another history
  try {
    about.value = await facts();
    const history = await lately();
    take(history);
    state.phase = "open";
    feed = new Feed(listener, recent.value.at(-1)?.seq ?? 0);
    feed.start();
  } catch (error) {
    return failed(error);
  }
  for (let tries = 0; tries < TRIES && mine === beginnings && !(await quietOnes().then(() => true, () => false)); tries += 1) {
    await new Promise((done) => window.setTimeout(done, backoff(tries + 1)));
  }
}

const listener = {
  events: take,
  link(link: Link, retryAt: number) {
    state.link = link;
    state.retryAt = retryAt;
  },
  restarted: () => void begin(),
  refused: () => void facts().catch((error: unknown) => error instanceof ApiError && error.locked && lock()),
};

function failed(error: unknown): void {
  if (error instanceof ApiError && error.locked) return lock();
  state.trouble = told(error);
  state.reached = !(error instanceof ApiError) || error.reached;
  if (state.phase !== "open") state.phase = "away";
  window.setTimeout(() => state.phase === "away" && void begin(), 3000);
}

/** Without the right to read nothing stays on the page. */
function lock(): void {
  feed?.stop();
  clear();
  state.phase = "locked";
}

/** The last events of the store, oldest first. */
async function lately(): Promise<unknown[]> {
  const pages: unknown[][] = [];
  let before: number | null = null;
  for (let count = 0; count < FIRST_EVENTS; count += PAGE) {
    const page = await events({ limit: PAGE, ...(before === null ? {} : { before }) });
    pages.unshift([...page.events].reverse());
    before = page.next_before ?? null;
    if (before === null) break;
  }
  return pages.flat();
}

/** Sessions that still wait for someone, but whose last event is older than what was loaded. */
async function quietOnes(): Promise<void> {
  const answer = await sql(QUIET);
  for (const [id] of answer.rows) {
    if (typeof id !== "string" || sessions.value.has(id)) continue;
    const page = await events({ session_id: id, limit: 60 });
    recall([...page.events].reverse());
  }
}
