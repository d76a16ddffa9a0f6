// Events as they arrive, for a view that must miss none of its own: the window that all share forgets.

import { onBeforeUnmount, shallowRef, watch, type ShallowRef } from "vue";
import type { HookEvent } from "../model/event";
import { onEvent, recent } from "./window";

/** Events of one view; when there are more, the older half is left to the store. */
const MOST = 10_000;

export interface News {
  /** Oldest first. */
  readonly events: ShallowRef<readonly HookEvent[]>;
  /** Begins anew with those that the page has and that pass now. */
  renew(): void;
}

/** The events that pass: those that the page has, and each that arrives. `cut` is told when the older ones were let go. */
export function useNews(passes: (event: HookEvent) => boolean, cut: () => void): News {
  const events = shallowRef<readonly HookEvent[]>([]);
  let arrived: HookEvent[] = [];
  function renew(): void {
    arrived = [];
    events.value = recent.value.filter(passes);
  }
  onBeforeUnmount(onEvent((event) => passes(event) && arrived.push(event)));
  watch(recent, () => {
    if (arrived.length === 0) return;
    const all = [...events.value, ...arrived];
    arrived = [];
    if (all.length > MOST) cut();
    events.value = all.length > MOST ? all.slice(-MOST / 2) : all;
  });
  renew();
  return { events, renew };
}
