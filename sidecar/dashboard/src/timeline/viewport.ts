// Which stretch of time is looked at: following the present, or standing still. Pure.

export interface Viewport {
  /** The right edge in milliseconds since the epoch; null follows the present. */
  readonly end: number | null;
  /** Width in milliseconds. */
  readonly span: number;
}

export const START: Viewport = { end: null, span: 5 * 60_000 };
export const SHORTEST_MS = 200;
export const LONGEST_MS = 24 * 3_600_000;

/** All of what happened between two times, following the present when it goes on. */
export function whole(first: number, last: number, now: number): Viewport {
  const goesOn = now - last < 60_000;
  const span = ((goesOn ? now : last) - first) * 1.125;
  return { end: goesOn ? null : last + span / 32, span: Math.min(LONGEST_MS, Math.max(2000, span)) };
}

/** Twice the detail at `factor` 0.5; the time at `share` of the width (0 left, 1 right) stays where it is. */
export function zoom(view: Viewport, factor: number, now: number, share = 1): Viewport {
  const span = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, view.span * factor));
  if (view.end === null && share > 0.98) return { end: null, span };
  const end = view.end ?? now;
  return { end: end - (view.span - span) * (1 - share), span };
}

/** Moved by a share of the width, to the right when positive; at the present it follows again. */
export function pan(view: Viewport, share: number, now: number): Viewport {
  const end = (view.end ?? now) + share * view.span;
  return { ...view, end: end >= now ? null : end };
}

/** Ticks for the axis: round times, at most one per `every` pixels. */
export function ticks(view: Viewport, now: number, width: number, every = 110): number[] {
  const wanted = (view.span * every) / Math.max(width, 1);
  const step = STEPS.find((one) => one >= wanted) ?? 24 * 3_600_000;
  const end = view.end ?? now;
  const offset = new Date(end).getTimezoneOffset() * 60_000;
  const first = Math.ceil((end - view.span - offset) / step) * step + offset;
  return Array.from({ length: Math.max(0, Math.floor((end - first) / step) + 1) }, (_, i) => first + i * step);
}

const STEPS = [50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 2 * 3600e3, 6 * 3600e3, 12 * 3600e3];
