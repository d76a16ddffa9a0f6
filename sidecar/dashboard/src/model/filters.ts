// Filters and views live in the URL's fragment, so that a view can be shared: `#/events?tool=Bash&outcome=failed`.

import type { HookEvent } from "./event";

export const FIELDS = ["session", "agent", "type", "tool", "outcome", "text"] as const;
export type Field = (typeof FIELDS)[number];
export type Filters = Readonly<Partial<Record<Field, string>>>;

export const VIEWS = ["now", "events", "sql", "health"] as const;
export const VIEW_NAMES = { now: "Now", events: "Events", sql: "SQL", health: "Health" } as const;
export type View = (typeof VIEWS)[number] | "session";

export interface Place {
  readonly view: View;
  /** The session that the session view shows. */
  readonly id: string;
  readonly filters: Filters;
}

/** The place that a fragment names; the overview for anything unknown. */
export function placeOf(fragment: string): Place {
  const [path = "", query = ""] = fragment.replace(/^#\/?/, "").split("?", 2);
  const [view = "", id = ""] = path.split("/");
  const given = new URLSearchParams(query);
  const filters = Object.fromEntries(FIELDS.flatMap((name) => (given.get(name) ? [[name, given.get(name) ?? ""]] : [])));
  if (view === "session" && id !== "") return { view: "session", id: decoded(id), filters };
  return { view: VIEWS.find((one) => one === view) ?? "now", id: "", filters };
}

/** The fragment of a place. */
export function fragmentOf(place: Place): string {
  const query = new URLSearchParams(FIELDS.flatMap((name) => (place.filters[name] ? [[name, place.filters[name]]] : [])));
  const path = place.view === "session" ? `session/${encodeURIComponent(place.id)}` : place.view;
  return `#/${path}${query.size > 0 ? `?${query}` : ""}`;
}

/** Whether an event passes. Text is looked for in what the page keeps of it; the store looks at all of it. */
export function matches(filters: Filters, event: HookEvent): boolean {
  if (filters.session && event.session !== filters.session) return false;
  if (filters.agent && event.agent !== filters.agent && event.subagentType !== filters.agent) return false;
  if (filters.type && event.type !== filters.type) return false;
  if (filters.tool && event.tool !== filters.tool) return false;
  if (filters.outcome === "failed" && !event.failed) return false;
  if (filters.outcome === "ok" && event.failed) return false;
  return !filters.text || said(event).includes(filters.text.toLowerCase());
}

/** The same filters as the event list of the API takes them. */
export function queryOf(filters: Filters): Record<string, string> {
  const named = { session_id: filters.session, agent: filters.agent, event_type: filters.type, tool_name: filters.tool, text: filters.text };
  const given = Object.entries(named).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const failed = filters.outcome === "failed" ? "true" : filters.outcome === "ok" ? "false" : "";
  return { ...Object.fromEntries(given), ...(failed ? { failed } : {}) };
}

function said(event: HookEvent): string {
  return `${event.detail} ${event.error} ${event.tool ?? ""} ${event.name} ${event.cwd}`.toLowerCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
