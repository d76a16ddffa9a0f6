// The URL's fragment as the one place where view and filters are kept.

import { readonly, ref } from "vue";
import { fragmentOf, placeOf, type Field, type Place, type View } from "../model/filters";

const current = ref<Place>(placeOf(location.hash));
export const place = readonly(current);

/** Marks places of the browser's history that were looked at: to those it comes back itself, scrolled as they were. */
const SEEN = { seen: true };
history.replaceState(SEEN, "");

/** Whether this place was come to by a link or an address, not by Back or Forward; asked once for each. */
export function isNewPlace(): boolean {
  const fresh = history.state === null;
  if (fresh) history.replaceState(SEEN, "");
  return fresh;
}

window.addEventListener("hashchange", () => (current.value = placeOf(location.hash)));

/** The address of a view, for links. */
export function linkTo(view: View, id = ""): string {
  return fragmentOf({ ...current.value, view, id });
}

/** Sets or clears one filter; does not fill the browser's history. */
export function filter(field: Field, value: string): void {
  current.value = { ...current.value, filters: { ...current.value.filters, [field]: value } };
  history.replaceState(SEEN, "", fragmentOf(current.value));
}

/** Clears every filter. */
export function unfilter(): void {
  current.value = { ...current.value, filters: {} };
  history.replaceState(SEEN, "", fragmentOf(current.value));
}
