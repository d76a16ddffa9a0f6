// SQL answers as tables: order, CSV, and what of them a chart can show. Pure.

export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly row_count: number;
  readonly truncated: boolean;
  readonly elapsed_ms: number;
  /** Acknowledged events that it could not see yet. */
  readonly behind?: number;
}

export interface Series {
  readonly x: readonly number[];
  readonly isTime: boolean;
  readonly labels: readonly string[];
  readonly lines: readonly { readonly label: string; readonly y: readonly (number | null)[] }[];
}

const MAX_LINES = 4;
/** Numbers that a double cannot hold exactly come as text. */
const NUMBER = /^-?\d+(?:\.\d+)?$/;

/** The rows by one column: numbers by size (also those that came as text, being too large for a double), everything else as text, what is missing last. */
export function sorted(rows: Answer["rows"], column: number, down: boolean): Answer["rows"] {
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => compare(a[column], b[column], sign));
}

/** One cell as text. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** CSV by RFC 4180; a cell that a spreadsheet would run as a formula gets an apostrophe. */
export function csv(answer: Pick<Answer, "columns" | "rows">): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const safe = (value: unknown) => {
    const text = cell(value);
    return quoted(typeof value === "string" && /^[=+\-@\t\r]/.test(text) && !NUMBER.test(text) ? `'${text}` : text);
  };
  return [answer.columns, ...answer.rows].map((row) => row.map(safe).join(",")).join("\r\n").concat("\r\n");
}

/** What a simple chart can show: the first column as the axis, over time the next ones as lines, else the first as bars; null when there is nothing. */
export function seriesOf(answer: Answer): Series | null {
  if (answer.rows.length < 2) return null;
  const numeric = answer.columns.map((_, i) => answer.rows.some((row) => isNumber(row[i])) && answer.rows.every((row) => row[i] === null || isNumber(row[i])));
  const chosen = answer.columns.flatMap((label, i) => (i > 0 && numeric[i] ? [{ label, i }] : [])).slice(0, MAX_LINES);
  if (chosen.length === 0) return null;
  const times = answer.rows.map((row) => (typeof row[0] === "string" ? Date.parse(row[0]) : Number.NaN));
  const isTime = times.every((at) => Number.isFinite(at)) && answer.rows.every((row) => /^\d{4}-\d\d-\d\d/.test(cell(row[0])));
  const order = answer.rows.map((_, i) => i).sort((a, b) => (isTime ? (times[a] ?? 0) - (times[b] ?? 0) : a - b));
  return {
    x: order.map((i) => (isTime ? (times[i] ?? 0) / 1000 : i)),
    isTime,
    labels: order.map((i) => cell(answer.rows[i]?.[0])),
    lines: (isTime ? chosen : chosen.slice(0, 1)).map(({ label, i }) => ({ label, y: order.map((row) => (answer.rows[row]?.[i] as number | null) ?? null) })),
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function compare(a: unknown, b: unknown, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (isNumber(a) && isNumber(b)) return (a - b) * sign;
  const [one, other] = [cell(a), cell(b)];
  if (NUMBER.test(one) && NUMBER.test(other)) return ((Number(one) - Number(other)) || exactly(one, other)) * sign;
  return one.localeCompare(other) * sign;
}

/** Which of two numbers is larger that are the same as doubles. */
function exactly(one: string, other: string): number {
  const [a, b] = [BigInt(one.split(".")[0] ?? 0), BigInt(other.split(".")[0] ?? 0)];
  return a === b ? 0 : a < b ? -1 : 1;
}
