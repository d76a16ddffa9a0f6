// Tells a person who looks elsewhere: in the page's title, and by a notification when they asked for one.

import { computed, ref, watch, watchEffect } from "vue";
import { stateOf, type Session } from "../model/sessions";
import { folder } from "../model/format";
import { VIEW_NAMES } from "../model/filters";
import { line, shortId } from "../model/text";
import { now, time } from "./now";
import { place } from "./place";
import { sessions } from "./window";

const KEY = "leanvibe-notify";
export const notifying = ref(localStorage.getItem(KEY) === "yes" && permitted());

/** Sessions that wait for a person now. */
export const waiting = computed(() =>
  [...sessions.value.values()].filter((one) => one.real && ["permission", "you"].includes(stateOf(one, now.value))),
);

/** Switches notifications; asks the browser the first time. */
export async function toggleNotify(): Promise<void> {
  const wanted = !notifying.value && "Notification" in window && (await Notification.requestPermission()) === "granted";
  notifying.value = wanted;
  localStorage.setItem(KEY, wanted ? "yes" : "no");
}

/** Keeps the title, and notifies of sessions that begin to wait for permission or an answer. */
export function useAttention(): void {
  const key = (one: Session) => `${one.id} ${one.waits.length > 0 ? "permission" : "you"}`;
  let known = new Set<string>();
  watchEffect(() => (document.title = titleOf(waiting.value)));
  watch(waiting, (list) => {
    for (const one of list) if (!known.has(key(one))) announce(one);
    known = new Set(list.map(key));
  });
}

/** Who waits, then what this tab shows, so that tabs and the browser's history tell views apart. */
function titleOf(list: readonly Session[]): string {
  const count = list.length > 0 ? `(${list.length}) ` : "";
  const wanted = list.some((one) => one.waits.length > 0) ? "Permission wanted" : list.length > 0 ? "Waiting for you" : "LeanVibe";
  const { view, id } = place.value;
  const told = view === "session" ? line(folder(sessions.value.get(id)?.cwd ?? ""), 40) || shortId(id) : VIEW_NAMES[view];
  return view === "now" ? `${count}${wanted}` : `${count}${wanted} · ${told}`;
}

function announce(session: Session): void {
  if (!notifying.value || !document.hidden || time() - session.lastAt > 60_000) return;
  const wait = session.waits[0];
  const title = `${folder(session.cwd) || "A session"} ${wait ? `asks to use ${line(wait.tool, 40)}` : "waits for you"}`;
  new Notification(title, { body: line(wait?.detail ?? session.asked?.text ?? ""), tag: session.id });
}

function permitted(): boolean {
  return "Notification" in window && Notification.permission === "granted";
}
