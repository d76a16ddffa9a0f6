// The time, as the page shows it: one clock for everything, once a second. It is the host's, whose events are shown: a
// browser elsewhere, or on the other side of a virtual machine that slept, may have another.

import { readonly, ref } from "vue";
import { aheadOf } from "../model/format";

let ahead = 0;
const value = ref(Date.now());
export const now = readonly(value);

/** The host's time now, in milliseconds since the epoch. */
export const time = (): number => Date.now() + ahead;

/** Learns the host's time from what it has just said. */
export function learn(timestamp: unknown): void {
  ahead = aheadOf(timestamp, Date.now()) ?? ahead;
}

window.setInterval(() => (value.value = time()), 1000);
