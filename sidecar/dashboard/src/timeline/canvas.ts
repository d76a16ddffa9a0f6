// Draws when there is something new to see: after a change, and, while it follows the present, when a bar would move.

import { onBeforeUnmount, onMounted, type Ref } from "vue";
import type { Colours } from "./draw";

/** Calls `paint` at most once a frame while `dirty` says so, and never in a hidden tab. */
export function usePainter(dirty: (time: number) => boolean, paint: () => void): void {
  let frame = 0;
  const step = (time: number) => {
    if (!document.hidden && dirty(time)) paint();
    frame = requestAnimationFrame(step);
  };
  onMounted(() => (frame = requestAnimationFrame(step)));
  onBeforeUnmount(() => cancelAnimationFrame(frame));
}

/** The canvas's context at the screen's own resolution; null when it has no size. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const scale = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

/** The page's colours, for a canvas. */
export function coloursOf(element: Ref<HTMLElement | null>): Colours {
  const style = getComputedStyle(element.value ?? document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    ink: read("--bar-ink"), soft: read("--soft"), rule: read("--rule"), ok: read("--bar"), open: read("--bar-open"),
    failed: read("--failed"), none: read("--bar-none"), asked: read("--permission"), prompt: read("--you"),
  };
}
