import { expect, test } from "vitest";
import type { Call } from "../src/model/calls";
import { turnsOf, type CallNode } from "../src/model/turns";
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
    ["Bash", "error", 65], ["Read", "error", 5], ["Bash", "error", 1008], ["WebFetch", "error", 15],
  ]);
});

test("parallel calls keep apart", () => {
  const found = calls(turnsOf(recording("parallel"))[0]?.calls ?? []);
  expect(new Set(found.map((call) => call.key)).size).toBe(found.length);
  expect(found.every((call) => call.end !== null)).toBe(true);
});

test("a call without an end is over when its agent is further", () => {
  const pre = { hook_event_name: "PreToolUse", tool_name: "Bash", tool_use_id: "t", tool_input: { command: "x" } };
  const [turn] = turnsOf(told({ hook_event_name: "UserPromptSubmit", prompt: "go" }, pre, { hook_event_name: "PostToolBatch" }));
  expect(turn?.calls[0]?.call.outcome).toBe("denied");
});

test("a failed answer of the model is the turn's failure", () => {
  expect(turnsOf(recording("apierror400"))[0]?.failure).not.toBe("");
});
