// How long to wait before the next attempt.

export const FIRST_MS = 500;
export const LONGEST_MS = 15_000;

/** Milliseconds before attempt `number` (from 0): doubling, with a random part so that pages do not come all at once. */
export function backoff(number: number, random: () => number = Math.random): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(number, 10));
  return full * (0.75 + random() * 0.25);
}
