import { expect, test } from "vitest";
import type { Call } from "../src/model/calls";
import { next, SILENT_MS, stateOf, type Session } from "../src/model/sessions";
import { stateOfTurn, turnsOf, type CallNode } from "../src/model/turns";
import { recording, told } from "./recorded";

const shape = (nodes: readonly CallNode[]): unknown[] => nodes.map((node) => (node.inner.length ? [node.call.tool, shape(node.inner)] : node.call.tool));
const calls = (nodes: readonly CallNode[]): Call[] => nodes.flatMap((node) => [node.call, ...calls(node.inner)]);

test("every prompt is a turn", () => {
  expect(turnsOf(recording("multi")).map((turn) => [turn.over, turn.calls.length])).toEqual([[true, 1], [true, 1], [true, 1]]);
});

test.each(["subagent", "subagent_sync"])("a subagent's calls hang below the call that started it (%s)", (name) => {
  expect(shape(turnsOf(recording(name))[0]?.calls ?? [])).toEqual([["Agent", ["Bash", "Read", "Bash"]]]);
});

test("outcomes and durations are the client's own", () => {
  const found = calls(turnsOf(recording("failure"))[0]?.calls ?? []);
  expect(found.map((call) => [call.tool, call.outcome, call.tookMs])).toEqual([
    ["Bash", "error", 65], ["Read", "error", 5], ["Edit", "error", null], ["NoSuchTool", "error", null], ["Bash", "error", null],
    ["Bash", "error", 1008], ["WebFetch", "error", 15],
  ]);
});

test("what never started is told by its batch, with the reason, and counts as failed", () => {
  const [turn] = turnsOf(recording("failure"));
  expect(turn?.failed).toBe(7);
  expect(turn?.calls.map((node) => node.call.error)[3]).toBe("Error: No such tool available: NoSuchTool");
});

const pre = { hook_event_name: "PreToolUse", tool_name: "Bash", tool_use_id: "t", tool_input: { command: "x" } };
const post = { ...pre, hook_event_name: "PostToolUse", duration_ms: 7 };
const go = { hook_event_name: "UserPromptSubmit", prompt: "go" };
const batch = (shown: unknown, id = "t") => ({ hook_event_name: "PostToolBatch", tool_calls: [{ tool_use_id: id, tool_name: "Bash", tool_response: shown }] });

test.each([
  ["its own end", [pre, post, batch("<tool_use_error>x")], ["ok", 7]],
  ["its own end, though it comes late", [pre, batch("fine"), post], ["ok", 7]],
  ["its batch, where that alone ends it: refused, in whatever words", [pre, batch("Policy forbids this")], ["denied", null]],
  ["its batch, where nothing else tells of it", [batch("fine")], ["ok", null]],
  ["its batch, of what was refused", [pre, batch([{ type: "text", text: "Permission to use Bash has been denied." }])], ["denied", null]],
  ["nothing, when a new prompt comes", [pre, { ...go, prompt_id: "p2" }], ["unfinished", null]],
])("a call is told by %s", (_, steps, expected) => {
  const found = turnsOf(told(go, ...steps)).flatMap((turn) => calls(turn.calls));
  expect(found.map((call) => [call.outcome, call.tookMs])).toEqual([expected]);
});

test("a subagent whose model fails ends neither turn nor session's work", () => {
  const sub = { agent_id: "a1", agent_type: "Explore" };
  const launch = { ...pre, tool_name: "Agent", tool_use_id: "a" };
  const failed = told(go, launch, { ...sub, hook_event_name: "SubagentStart" }, { ...sub, hook_event_name: "StopFailure", error: "overloaded" });
  expect(turnsOf(failed).map((turn) => [turn.over, turn.failure])).toEqual([[false, ""]]);
  expect(stateOf(failed.reduce<Session | undefined>(next, undefined)!, failed.at(-1)?.at ?? 0)).toBe("working");
});

test.each([null, "x", {}, [null, 1, {}, { tool_use_id: 5 }]])("a batch of anything does no harm: %j", (tool_calls) => {
  expect(turnsOf(told(go, { hook_event_name: "PostToolBatch", tool_calls }))[0]?.calls).toEqual([]);
});

test("calls without ids end in the order in which they began", () => {
  const start = { hook_event_name: "PRE_TOOL_USE", tool_name: "test" };
  const end = { hook_event_name: "POST_TOOL_USE", tool_name: "test" };
  const found = turnsOf(told({ hook_event_name: "AGENT_START" }, start, start, end, end)).flatMap((turn) => calls(turn.calls));
  expect(found.map((call) => [call.outcome, call.tookMs])).toEqual([["ok", 2000], ["ok", 2000]]);
});

test("a turn ends with its Stop, whatever comes later; one that was cut short with its last sign of work", () => {
  const late = { hook_event_name: "Notification", notification_type: "idle_prompt" };
  const second = { ...go, prompt_id: "p2" };
  const [stopped] = turnsOf(told(go, { hook_event_name: "Stop" }, late, { hook_event_name: "SessionEnd" }));
  expect([stopped?.over, stopped?.interrupted, (stopped?.end ?? 0) - (stopped?.start ?? 0)]).toEqual([true, false, 1000]);
  const [cut, running] = turnsOf(told(go, pre, late, second));
  expect([cut?.over, cut?.interrupted, (cut?.end ?? 0) - (cut?.start ?? 0)]).toEqual([true, true, 1000]);
  expect(running?.over).toBe(false);
  if (running) expect([stateOfTurn(running, running.lastAt + 1).word, stateOfTurn(running, running.lastAt + SILENT_MS + 1).word]).toEqual(["running", "fell silent"]);
});

test("parallel calls keep apart", () => {
  const found = calls(turnsOf(recording("parallel"))[0]?.calls ?? []);
  expect(new Set(found.map((call) => call.key)).size).toBe(found.length);
  expect(found.every((call) => call.end !== null)).toBe(true);
});

test("a call without an end is over when its agent is further", () => {
  const [turn] = turnsOf(told(go, pre, { hook_event_name: "PostToolBatch" }));
  expect(turn?.calls[0]?.call.outcome).toBe("unfinished");
});

test("a failed answer of the model is the turn's failure", () => {
  expect(turnsOf(recording("apierror400"))[0]?.failure).toMatch(/^\w+: API Error: 400/);
});
