// Asks the sidecar how it is, every two seconds while someone looks, and remembers a few minutes of it.

import { onBeforeUnmount, onMounted, shallowRef } from "vue";
import { dropsOf, partsOf, performanceOf, type Part, type Performance } from "../model/health";
import * as api from "./api";
import { time } from "./now";

const EVERY_MS = 2000;
const KEPT = 300;

export interface Sample extends Performance {
  /** Seconds since the epoch. */
  readonly at: number;
}

export const samples = shallowRef<readonly Sample[]>([]);
export const parts = shallowRef<readonly Part[]>([]);
/** Null while it is not known. */
export const drops = shallowRef<readonly { reason: string; count: number }[] | null>(null);
/** Whether the last question was answered; the samples stay as they were when it was not. */
export const answering = shallowRef(true);

let users = 0;
let timer = 0;

/** Keeps asking while the component is there. */
export function usePulse(): void {
  onMounted(() => {
    if (users++ === 0) void beat();
  });
  onBeforeUnmount(() => {
    if (--users === 0) clearTimeout(timer);
  });
}

async function beat(): Promise<void> {
  if (!document.hidden) answering.value = await ask().then(() => true, () => false);
  if (users > 0) timer = window.setTimeout(() => void beat(), EVERY_MS);
}

async function ask(): Promise<void> {
  const [performance, health, metrics] = await Promise.all([api.performance(), api.health(), api.metrics()]);
  const sample = { ...performanceOf(performance), health: String(health["status"] ?? "unknown"), at: time() / 1000 };
  samples.value = [...samples.value.slice(1 - KEPT), sample];
  parts.value = partsOf(health);
  drops.value = metrics === null ? null : dropsOf(metrics);
}
