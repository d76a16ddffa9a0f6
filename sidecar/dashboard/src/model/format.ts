// Numbers and times for people.

/** A duration: 12 ms, 3.4 s, 2 min 5 s, 3 h 20 min. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000 + (ms < 60_000 ? 0.5 : 0));
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** How long ago, roughly. */
export function ago(ms: number): string {
  if (ms < 5000) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  return ms < 86_400_000 ? `${Math.floor(ms / 3_600_000)} h ago` : `${Math.floor(ms / 86_400_000)} d ago`;
}

/** The local time of day, to the second or the millisecond; – for no time. */
export function clock(at: number, millis = false): string {
  const date = new Date(at);
  if (at <= 0 || Number.isNaN(date.getTime())) return "–";
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
  return millis ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}

/** The same, after the date unless it is of the day of `now`. */
export function moment(at: number, now: number, millis = false): string {
  const time = clock(at, millis);
  return time === "–" || dayOf(at) === dayOf(now) ? time : `${dayOf(at)} ${time}`;
}

function dayOf(at: number): string {
  const date = new Date(at);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

/** The last folder of a path. */
export function folder(path: string): string {
  return path.replace(/[/\\]+$/, "").split(/[/\\]/).pop() || path;
}

/** How many of them there are: 1 event, 2 events. */
export function counted(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** A number with few digits: 0.42, 3.1, 1,204. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0 });
}

const SAME_CLOCK_MS = 2000;

/** How far the host's clock is ahead of ours by what it says, which was on its way for a moment; null when it says nothing. */
export function aheadOf(timestamp: unknown, now: number): number | null {
  const said = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(said)) return null;
  return Math.abs(said - now) > SAME_CLOCK_MS ? said - now : 0;
}
