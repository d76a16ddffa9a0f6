import { describe, expect, test } from "vitest";
import { backoff, LONGEST_MS } from "../src/live/backoff";
import { eventOf } from "../src/model/event";
import { fragmentOf, matches, placeOf, queryOf } from "../src/model/filters";
import { ago, aheadOf, clock, counted, duration, folder, moment, number } from "../src/model/format";
import { dropsOf } from "../src/model/health";
import { csv, seriesOf, sorted } from "../src/model/table";
import { block, line, sharedBy, shortId, visible } from "../src/model/text";
import { traceUrl } from "../src/model/trace";
import { Lanes, WINDOW_EVENTS } from "../src/timeline/lanes";
import { pan, START, ticks, whole, zoom } from "../src/timeline/viewport";
import { event, recording } from "./recorded";

describe("text stays text", () => {
  test("terminal codes are taken out", () => expect(visible("\u001b[31mred\u001b[0m \u001b]0;title\u0007x")).toBe("red x"));
  test("what turns a line around is written out", () => expect(visible("a\u202eb\u2066")).toBe("a\\u202eb\\u2066"));
  test("a bell, a null and a lone escape are written out", () => expect(visible("\u0007\u0000\u001b")).toBe("\\u0007\\u0000\\u001b"));
  test("lines and tabs stay", () => expect(visible("a\r\n\tb")).toBe("a\n\tb"));
  test("one line is one line, and short", () => expect(line("a\nb".repeat(500), 10)).toHaveLength(11));
  test("short ids of numbered sessions differ", () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `test-session-${n}`);
    expect(new Set(ids.map(shortId)).size).toBe(ids.length);
    expect([...ids, "x".repeat(9999)].every((id) => shortId(id).length <= 14)).toBe(true);
    expect(["s1", "0d9b3a52-6a0e-4c39-9b7f-1f2e3d4c5b6a", ""].map(shortId)).toEqual(["s1", "0d9b3a52…5b6a", ""]);
  });
  test("a megabyte is cut, and how much is told", () => expect(block("x".repeat(1_000_000), 10)).toEqual({ shown: "x".repeat(10), left: 999_990 }));
});

describe("events", () => {
  test.each([null, 1, "x", [], {}, { seq: "1" }])("what is none is left out: %j", (raw) => expect(eventOf(raw)).toBeNull());
  test("fields of any type and times that are none do no harm", () => {
    const found = eventOf({ seq: 1, received_at: "yesterday", payload: [1], error: {}, session_id: 5, execution_time_ms: "x" });
    expect([found?.at, found?.session, found?.tookMs, found?.detail]).toEqual([0, "", null, ""]);
  });
  test("a long detail is cut", () => expect(eventOf({ seq: 1, payload: { tool_input: { command: "x".repeat(9999) } } })?.detail.length).toBe(241));
});

describe("filters and places", () => {
  test.each(["#/now", "#/events?tool=Bash&outcome=failed", "#/session/a%2Fb?text=x+%26+y", "#/sql"])("%s comes back", (fragment) => {
    expect(fragmentOf(placeOf(fragment))).toBe(fragment);
  });
  test.each(["", "#", "#/nowhere", "#/session", "#/session/%E0%A4%A"])("%s is some place", (fragment) => expect(placeOf(fragment).view).toMatch(/now|session/));
  test("each filter chooses", () => {
    const [one] = recording("failure").filter((each) => each.failed);
    if (!one) throw new Error("none");
    expect(matches({ tool: "Bash", outcome: "failed", text: "EXIT code" }, one)).toBe(true);
    for (const filters of [{ tool: "Read" }, { outcome: "ok" }, { text: "nothing like it" }, { session: "x" }, { agent: "x" }, { type: "x" }]) expect(matches(filters, one)).toBe(false);
  });
  test("the API is asked in its own words", () => expect(queryOf({ session: "s", outcome: "ok", text: "a" })).toEqual({ session_id: "s", text: "a", failed: "false" }));
});

describe("tables", () => {
  const answer = { columns: ["at", "n"], rows: [["2026-01-02T00:00:00Z", 2], ["2026-01-01T00:00:00Z", null]], row_count: 2, truncated: false, elapsed_ms: 1 };
  test("numbers sort by size, what is missing last", () => expect(sorted([[10], [null], [9]], 0, false)).toEqual([[9], [10], [null]]));
  test("so do those that came as text", () => {
    expect(sorted([["10000000000000000001"], [7], ["9007199254740993"], ["10000000000000000000"], ["-9007199254740993"]], 0, false).flat()).toEqual(["-9007199254740993", 7, "9007199254740993", "10000000000000000000", "10000000000000000001"]);
    expect(csv({ columns: ["a"], rows: [["-9007199254740993"], ["-1+2"]] })).toBe("a\r\n-9007199254740993\r\n'-1+2\r\n");
  });
  test("CSV quotes, and disarms formulas", () => expect(csv({ columns: ["a"], rows: [["=1+1"], ['x,"y"'], [-1]] })).toBe('a\r\n\'=1+1\r\n"x,""y"""\r\n-1\r\n'));
  test("times become an axis in order", () => expect(seriesOf(answer)?.lines[0]?.y).toEqual([null, 2]));
  test("without numbers there is no chart", () => expect(seriesOf({ ...answer, columns: ["a", "b"], rows: [["x", "y"], ["z", "w"]] })).toBeNull());
});

test("a cut leaves no half of a character", () => {
  const wide = "\u{1f600}".repeat(40);
  for (const text of [line(wide, 9), shortId(`x${wide}`), shortId(`${wide}x`), block(wide, 9).shown]) expect(text).not.toMatch(/[\ud800-\udfff]/u);
});

test("the date stands where the day is another one", () => {
  const noon = new Date(2026, 0, 31, 12).getTime();
  expect([moment(noon, noon + 1000), moment(noon, noon + 86_400_000), moment(0, noon)]).toEqual(["12:00:00", "2026-01-31 12:00:00", "–"]);
});

test("folders of more than one session are known", () => {
  expect([...sharedBy([{ cwd: "/x/a" }, { cwd: "/b" }, { cwd: "/y/a/" }])]).toEqual(["a"]);
});

test("numbers and times for people", () => {
  expect([999.6, 59_960].map(duration)).toEqual(["1.0 s", "1 min 0 s"]);
  expect([0, 1, 1200].map((count) => counted(count, "event"))).toEqual(["0 events", "1 event", "1,200 events"]);
  expect([12, 3400, 125_000, 12_000_000, -1].map(duration)).toEqual(["12 ms", "3.4 s", "2 min 5 s", "3 h 20 min", "–"]);
  expect([0, 61_000].map(ago)).toEqual(["now", "1 min ago"]);
  expect([clock(0), clock(Number.NaN), clock(8.64e15 + 1)]).toEqual(["–", "–", "–"]);
  expect([folder("/a/b/"), folder("C:\\x\\y"), folder("")]).toEqual(["b", "y", ""]);
  expect([number(0.123), number(1234.5), number(Number.NaN)]).toEqual(["0.12", "1,235", "–"]);
});

test("only a web address with a trace's id is a link", () => {
  const id = "0af7651916cd43dd8448eb211c80319c";
  expect(traceUrl("http://x/{trace_id}", id)).toBe(`http://x/${id}`);
  for (const [template, trace] of [["", id], ["javascript:{trace_id}", id], ["http://x/{trace_id}", "<x>"], ["http://x/{trace_id}", null]] as const) expect(traceUrl(template, trace)).toBeNull();
});

test("drops are read from the metrics", () => {
  expect(dropsOf('# x\nleanvibe_dropped_total{reason="oversize"} 3.0\nleanvibe_dropped_total{reason="none"} 0.0\n')).toEqual([{ reason: "oversize", count: 3 }]);
});

test("waits grow to their limit", () => {
  expect([0, 1, 50].map((number) => backoff(number, () => 1))).toEqual([500, 1000, LONGEST_MS]);
});

describe("timeline", () => {
  test("subagents have lanes of their own, below their session", () => {
    const lanes = new Lanes();
    recording("subagent").forEach((one) => lanes.take(one));
    expect(lanes.inOrder(() => true).map((lane) => [lane.title, lane.bars.map((bar) => bar.tool)])).toEqual([["", ["Agent"]], ["general-purpose", ["Bash", "Read", "Bash"]]]);
  });
  test("the window is bounded", () => {
    const lanes = new Lanes();
    for (let i = 1; i <= 5 * WINDOW_EVENTS; i += 1) lanes.take(event({ session_id: `s${i % 7}`, hook_event_name: "PreToolUse", tool_name: "Bash", tool_use_id: `t${i}` }, i / 100, i));
    expect([...lanes.lanes.values()].reduce((sum, lane) => sum + lane.bars.length, 0)).toBeLessThanOrEqual(WINDOW_EVENTS + 1000);
  });
  test("zooming keeps the place, panning to the present follows it", () => {
    const still = { end: 1000, span: 1000 };
    expect(zoom(still, 0.5, 5000, 0.5)).toEqual({ end: 750, span: 500 });
    expect(zoom(START, 0.5, 5000)).toEqual({ end: null, span: START.span / 2 });
    expect(pan(still, 10, 5000).end).toBeNull();
    expect(pan(START, -0.5, 5000).end).toBe(5000 - START.span / 2);
  });
  test("a session is seen whole, and followed while it goes on", () => {
    expect(whole(0, 10_000, 11_000)).toEqual({ end: null, span: 12_375 });
    expect(whole(0, 10_000, 1e9)).toEqual({ end: 10_351.5625, span: 11_250 });
  });
  test("ticks stand on round times and do not crowd", () => {
    const found = ticks({ end: 600_000, span: 300_000 }, 0, 600);
    expect(found.every((at) => at % 60_000 === 0)).toBe(true);
    expect(found.length).toBeLessThanOrEqual(6);
  });
});

test.each([
  ["2026-11-23T20:00:00.5+00:00", 500],
  ["2026-11-23T22:00:00+00:00", 7_200_000],
  ["2026-11-23T18:00:00Z", -7_200_000],
])("the host's clock counts where it is another than ours (%s)", (said, ahead) => {
  expect(aheadOf(said, Date.parse("2026-11-23T20:00:00Z"))).toBe(Math.abs(ahead) > 2000 ? ahead : 0);
});

test.each([undefined, null, 7, "soon"])("what says no time changes no clock (%s)", (said) => {
  expect(aheadOf(said, 0)).toBeNull();
});
