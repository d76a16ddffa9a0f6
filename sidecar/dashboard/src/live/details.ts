// What the details panel shows: the events behind a tool call, a turn or a row of a list.

import { shallowRef } from "vue";
import type { Call } from "../model/calls";

export interface Subject {
  readonly title: string;
  readonly seqs: readonly number[];
}

export const subject = shallowRef<Subject | null>(null);

export function showCall(call: Call): void {
  subject.value = { title: call.tool, seqs: [call.startSeq, call.endSeq].filter((seq) => seq > 0) };
}

export function showEvent(seq: number, title: string): void {
  subject.value = { title, seqs: [seq] };
}
