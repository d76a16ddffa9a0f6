// The time, as the page shows it: one clock for everything, once a second.

import { readonly, ref } from "vue";

const value = ref(Date.now());
export const now = readonly(value);

window.setInterval(() => (value.value = Date.now()), 1000);
