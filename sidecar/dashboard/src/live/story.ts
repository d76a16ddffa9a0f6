// All that one session did: its stored events, and those that arrive while it is looked at.

import { computed, onBeforeUnmount, ref, shallowRef, type ComputedRef, type Ref } from "vue";
import { eventOf, type HookEvent } from "../model/event";
import { events, told } from "./api";
import { useNews } from "./news";

const PAGE = 1000;

export interface Story {
  readonly events: ComputedRef<HookEvent[]>;
  /** Whether the store holds more before these. */
  readonly more: Ref<boolean>;
  readonly trouble: Ref<string>;
  readonly busy: Ref<boolean>;
  earlier(): Promise<void>;
}

/** The events of a session in order; begins with its last thousand. */
export function useStory(session: string): Story {
  const stored = shallowRef<HookEvent[]>([]);
  const more = ref(false);
  const trouble = ref("");
  const busy = ref(false);
  const { events: news } = useNews((event) => event.session === session, () => {
    stored.value = [];
    more.value = true;
  });
  let gone = false;
  onBeforeUnmount(() => (gone = true));

  async function earlier(): Promise<void> {
    const first = (stored.value[0] ?? (more.value ? news.value[0] : undefined))?.seq;
    busy.value = true;
    trouble.value = "";
    try {
      const page = await events({ session_id: session, limit: PAGE, ...(first === undefined ? {} : { before: first }) });
      if (gone) return;
      const older = page.events.map(eventOf).filter((one): one is HookEvent => one !== null).reverse();
      stored.value = [...older, ...stored.value];
      more.value = page.next_before !== null && page.next_before !== undefined;
    } catch (error) {
      trouble.value = told(error);
    } finally {
      busy.value = false;
    }
  }
  const all = computed(() => {
    const last = stored.value.at(-1)?.seq ?? 0;
    return [...stored.value, ...news.value.filter((event) => event.seq > last)];
  });
  void earlier();
  return { events: all, more, trouble, busy, earlier };
}
