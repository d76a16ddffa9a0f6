// What the details panel shows: the events behind a tool call, a turn or a row of a list.

import { shallowRef, watch } from "vue";
import type { Call } from "../model/calls";
import { place } from "./place";

export interface Subject {
  readonly title: string;
  readonly seqs: readonly number[];
}

export const subject = shallowRef<Subject | null>(null);

/** They belong to what is looked at: another view, also by the browser's Back, closes them. */
watch(() => `${place.value.view} ${place.value.id}`, () => (subject.value = null));

export function showCall(call: Call): void {
  subject.value = { title: call.tool, seqs: [call.startSeq, call.endSeq].filter((seq) => seq > 0) };
}

export function showEvent(seq: number, title: string): void {
  subject.value = { title, seqs: [seq] };
}
