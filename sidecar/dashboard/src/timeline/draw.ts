// The swim lanes on a canvas.

import type { Call, Outcome } from "../model/calls";
import { clock } from "../model/format";
import { matches, type Filters } from "../model/filters";
import type { HookEvent } from "../model/event";
import { line } from "../model/text";
import type { Lane, Mark } from "./lanes";
import { ticks, type Viewport } from "./viewport";

export const ROW = 30;
export const AXIS = 22;
const MARGIN = 5;
const TRACKS = 3;

export interface Colours {
  readonly ink: string;
  readonly soft: string;
  readonly rule: string;
  readonly ok: string;
  readonly open: string;
  readonly failed: string;
  readonly none: string;
  readonly asked: string;
  readonly prompt: string;
}

export interface Box {
  readonly call: Call;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Scene {
  readonly lanes: readonly Lane[];
  readonly view: Viewport;
  readonly now: number;
  readonly width: number;
  readonly colours: Colours;
  readonly shows: (call: Call) => boolean;
}

/** Draws everything; the boxes of the bars, for clicks. */
export function draw(context: CanvasRenderingContext2D, scene: Scene): Box[] {
  const height = AXIS + scene.lanes.length * ROW;
  context.clearRect(0, 0, scene.width, height);
  axis(context, scene, height);
  const boxes: Box[] = [];
  scene.lanes.forEach((lane, i) => {
    const top = AXIS + i * ROW;
    context.fillStyle = scene.colours.rule;
    context.fillRect(0, top + ROW - 1, scene.width, 1);
    for (const box of boxesOf(lane, top, scene)) {
      bar(context, box, scene);
      boxes.push(box);
    }
    for (const one of lane.marks) mark(context, one, top, scene);
  });
  return boxes;
}

/** The bars of a lane that are in view; calls that ran at the same time lie above each other. */
export function boxesOf(lane: Lane, top: number, scene: Scene): Box[] {
  const end = scene.view.end ?? scene.now;
  const start = end - scene.view.span;
  const perMs = scene.width / scene.view.span;
  const seen = lane.bars.filter((call) => call.start <= end && (call.end ?? scene.now) >= start && scene.shows(call));
  const tracks: number[] = [];
  const placed: { call: Call; x: number; width: number; track: number }[] = [];
  let pixel = "";
  for (const call of seen) {
    const x = Math.max(-2, (call.start - start) * perMs);
    const right = Math.min(scene.width + 2, ((call.end ?? scene.now) - start) * perMs);
    const place = `${Math.round(x)} ${call.outcome}`;
    if (right - x < 1 && call.askedAt === null && place === pixel) continue; // one on top of another: seen as one
    pixel = place;
    const free = tracks.findIndex((until) => until <= x);
    const track = free >= 0 ? free : Math.min(tracks.length, TRACKS - 1);
    tracks[track] = Math.max(tracks[track] ?? 0, right);
    placed.push({ call, x, width: Math.max(2, right - x), track });
  }
  const thick = (ROW - 2 * MARGIN) / Math.max(1, tracks.length);
  return placed.map(({ call, x, width, track }) => ({ call, x, width, y: top + MARGIN + track * thick, height: Math.max(3, thick - 1) }));
}

/** The bar under a point; null when there is none. The last one drawn lies on top. */
export function hit(boxes: readonly Box[], x: number, y: number): Box | null {
  const near = 3;
  const under = (box: Box) => x >= box.x - near && x <= box.x + box.width + near && y >= box.y - near && y <= box.y + box.height + near;
  return boxes.findLast(under) ?? null;
}

/** Which calls pass the page's filters. */
export function showing(filters: Filters): (call: Call) => boolean {
  if (!filters.tool && !filters.outcome && !filters.text) return () => true;
  const { tool, outcome, text } = filters;
  const asked = { ...(tool ? { tool } : {}), ...(outcome ? { outcome } : {}), ...(text ? { text } : {}) };
  return (call) => matches(asked, { tool: call.tool, failed: call.outcome === "error", detail: call.detail, error: call.error, name: "", cwd: "" } as HookEvent);
}

function axis(context: CanvasRenderingContext2D, scene: Scene, height: number): void {
  const start = (scene.view.end ?? scene.now) - scene.view.span;
  context.font = "11px system-ui, sans-serif";
  for (const at of ticks(scene.view, scene.now, scene.width)) {
    const x = Math.round(((at - start) * scene.width) / scene.view.span);
    context.fillStyle = scene.colours.rule;
    context.fillRect(x, AXIS - 4, 1, height);
    context.fillStyle = scene.colours.soft;
    const told = clock(at, scene.view.span < 5000);
    if (x + 4 + context.measureText(told).width <= scene.width) context.fillText(told, x + 4, 13);
  }
}

function bar(context: CanvasRenderingContext2D, box: Box, scene: Scene): void {
  const { call } = box;
  const { colours } = scene;
  context.fillStyle = colourOf(call.outcome, colours);
  if (box.width < 6) context.fillRect(box.x, box.y, box.width, box.height);
  else rounded(context, box);
  if (call.askedAt !== null) waited(context, box, scene);
  if (box.width > 46 && box.height > 12) label(context, box, scene);
}

function colourOf(outcome: Outcome, colours: Colours): string {
  return { error: colours.failed, ok: colours.ok, open: colours.open, denied: colours.none, unfinished: colours.none }[outcome];
}

function rounded(context: CanvasRenderingContext2D, box: Box): void {
  context.beginPath();
  context.roundRect(box.x, box.y, box.width, box.height, 4);
  context.fill();
}

/** A frame around the whole call: it waited for a person; from outside nobody sees when the answer came. */
function waited(context: CanvasRenderingContext2D, box: Box, scene: Scene): void {
  context.strokeStyle = scene.colours.asked;
  context.lineWidth = 2;
  context.strokeRect(box.x + 1, box.y + 1, Math.max(1, box.width - 2), box.height - 2);
}

function label(context: CanvasRenderingContext2D, box: Box, scene: Scene): void {
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width - 3, box.height);
  context.clip();
  context.fillStyle = scene.colours.ink;
  context.font = "11px system-ui, sans-serif";
  context.fillText(line(box.call.tool, 60).replace(/^mcp__/, ""), box.x + 6, box.y + box.height / 2 + 4);
  context.restore();
}

function mark(context: CanvasRenderingContext2D, one: Mark, top: number, scene: Scene): void {
  const start = (scene.view.end ?? scene.now) - scene.view.span;
  const x = ((one.at - start) * scene.width) / scene.view.span;
  if (x < -6 || x > scene.width + 6) return;
  const { colours } = scene;
  context.fillStyle = { prompt: colours.prompt, permission: colours.asked, failure: colours.failed, stop: colours.soft }[one.kind];
  context.beginPath();
  if (one.kind === "prompt") triangle(context, x - 8, top + ROW / 2 - 5);
  else if (one.kind === "stop") context.rect(x - 1, top + 4, 2, ROW - 9);
  else diamond(context, x, top + ROW / 2);
  context.fill();
}

function triangle(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.moveTo(x, y);
  context.lineTo(x + 8, y + 5);
  context.lineTo(x, y + 10);
  context.closePath();
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.moveTo(x, y - 6);
  context.lineTo(x + 6, y);
  context.lineTo(x, y + 6);
  context.lineTo(x - 6, y);
  context.closePath();
}
