// Reading values that may be anything: what an agent sends is not ours to trust.

export type Fields = Record<string, unknown>;

export const DETAIL_CHARS = 240;
const TOLD = ["command", "file_path", "pattern", "url", "query", "description", "prompt", "message", "reason"];

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value where it is an object; an empty one where it is anything else. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The beginning of a text, as much as the page keeps of it. */
export function short(value: string): string {
  return value.length > DETAIL_CHARS ? `${value.slice(0, DETAIL_CHARS).replace(/[\ud800-\udbff]$/, "")}…` : value;
}

/** What a person would want to read of a tool's input, or of a payload; empty when there is nothing of the kind. */
export function toldOf(fields: unknown): string {
  if (!isFields(fields)) return "";
  return short(text(TOLD.map((key) => fields[key]).find((value) => typeof value === "string" && value !== "")));
}
