import { describe, expect, test } from "vitest";
import type { HookEvent } from "../src/model/event";
import { inOrder, next, SILENT_MS, STALE_MS, stateOf, withEarlier, withPrompt, type Session } from "../src/model/sessions";
import { event, recording, told } from "./recorded";

const bash = { tool_name: "Bash", tool_input: { command: "ls" } };
const pre = { hook_event_name: "PreToolUse", tool_use_id: "t1", ...bash };
const post = { ...pre, hook_event_name: "PostToolUse" };
const prompt = { hook_event_name: "UserPromptSubmit", prompt: "go" };
const asks = { hook_event_name: "PermissionRequest", ...bash };
const stop = { hook_event_name: "Stop" };
const agent = { agent_id: "a1", agent_type: "Explore" };

function after(events: readonly HookEvent[]): Session {
  const session = events.reduce<Session | undefined>(next, undefined);
  if (session === undefined) throw new Error("no session");
  return session;
}
const state = (events: readonly HookEvent[], later = 0) => stateOf(after(events), after(events).lastAt + later);

describe("what a session is doing", () => {
  test.each([
    ["a prompt begins a turn", [prompt], "working"],
    ["a tool call goes on with it", [prompt, pre], "working"],
    ["a permission request waits for a person", [prompt, pre, asks], "permission"],
    ["the call's end answers it", [prompt, pre, asks, post], "working"],
    ["the batch's end answers it as well: it was denied", [prompt, pre, asks, { hook_event_name: "PostToolBatch" }], "working"],
    ["the end of another call does not", [prompt, { ...pre, tool_use_id: "t0", tool_name: "Read" }, pre, asks, { ...post, tool_use_id: "t0", tool_name: "Read" }], "permission"],
    ["after the turn it is the person's", [prompt, pre, post, stop], "you"],
    ["what comes late does not open the turn again", [prompt, stop, post, { hook_event_name: "MessageDisplay" }], "you"],
    ["nor does a late start of the same prompt open a turn", [prompt, stop, pre, post], "you"],
    ["a task in the background goes on", [prompt, { ...stop, background_tasks: [{ id: "x" }] }], "working"],
    ["a subagent goes on after the turn", [prompt, { hook_event_name: "SubagentStart", ...agent }, stop], "working"],
    ["until it is done", [prompt, { hook_event_name: "SubagentStart", ...agent }, stop, { hook_event_name: "SubagentStop", ...agent }], "you"],
    ["a subagent's permission waits past the turn", [prompt, { ...pre, ...agent }, { ...asks, ...agent }, stop], "permission"],
    ["a reminder asks", [prompt, stop, { hook_event_name: "Notification", notification_type: "idle_prompt" }], "you"],
    ["another notification does not", [prompt, { hook_event_name: "Notification", notification_type: "auth_success" }], "working"],
    ["compaction is part of the turn", [prompt, { hook_event_name: "SessionStart", source: "compact" }], "working"],
    ["a fresh session is idle", [{ hook_event_name: "SessionStart", source: "startup" }], "idle"],
    ["the end is the end", [prompt, pre, { hook_event_name: "SessionEnd" }], "ended"],
    ["a resumed session is not ended", [prompt, { hook_event_name: "SessionEnd" }, { hook_event_name: "SessionStart", source: "resume" }], "idle"],
  ])("%s", (_, steps, expected) => {
    expect(state(told(...steps))).toBe(expected);
  });

  test("silence ends work and patience, in their time", () => {
    expect(state(told(prompt), SILENT_MS + 1)).toBe("idle");
    expect(state(told(prompt, stop), SILENT_MS + 1)).toBe("idle");
    expect(state(told(prompt, pre, asks), SILENT_MS + 1)).toBe("permission");
    expect(state(told(prompt, pre, asks), STALE_MS + 1)).toBe("idle");
  });

  test("an event that is known already changes nothing", () => {
    const session = after(told(prompt, pre));
    expect(next(session, event({ session_id: "s", hook_event_name: "SessionEnd" }, 9, 2))).toBe(session);
  });

  test("what only a batch tells of counts as failed, what had its own end counts once", () => {
    const [lost, known] = [{ tool_use_id: "t0", tool_name: "Edit", tool_response: "<tool_use_error>Not read" }, { tool_use_id: "t1", tool_name: "Bash", tool_response: "<tool_use_error>x" }];
    const session = after(told(prompt, pre, { ...post, hook_event_name: "PostToolUseFailure", error: "x" }, { hook_event_name: "PostToolBatch", tool_calls: [lost, known] }));
    expect([session.errors, session.lastError]).toEqual([2, "Not read"]);
    expect(after(recording("failure")).errors).toBe(7);
  });

  test("calls of an interrupted turn are over with the next prompt", () => expect(after(told(prompt, pre, { ...prompt, prompt_id: "p2" })).calls.size).toBe(0));

  test("of two calls without ids one end ends one", () => {
    const start = { hook_event_name: "PRE_TOOL_USE", tool_name: "test" };
    expect(after(told(start, start, { ...start, hook_event_name: "POST_TOOL_USE" })).calls.size).toBe(1);
  });

  test("a probe, or what a resuming client loads, is no session", () => {
    expect(["InstructionsLoaded", "LeanvibeProbe", "SessionStart"].map((hook_event_name) => after(told({ hook_event_name })).real)).toEqual([false, false, true]);
  });

  test("every recording ends as ended, with nothing open", () => {
    for (const name of ["basic", "big", "failure", "multi", "parallel", "pii", "resume", "subagent", "subagent_sync", "apierror400"]) {
      const session = after(recording(name));
      expect([name, state(recording(name)), session.calls.size, session.waits.length]).toEqual([name, "ended", 0, 0]);
    }
  });
});

test("sessions at work keep their places, whatever each of them does", () => {
  const at = (id: string, seconds: number, steps: Record<string, unknown>[]) =>
    after(steps.map((step, i) => event({ session_id: id, prompt_id: "p", ...step }, seconds + i * 10, i + 1)));
  const order = (...list: Session[]) => inOrder(list, Math.max(...list.map((one) => one.lastAt))).map((one) => one.id);
  expect(order(at("a", 0, [prompt]), at("b", 1, [prompt, pre]))).toEqual(["b", "a"]);
  expect(order(at("a", 0, [prompt, pre, post]), at("b", 1, [prompt, pre]))).toEqual(["b", "a"]);
});

test("those that wait for a person come first, the longest wait before the others", () => {
  const at = (id: string, seconds: number, steps: Record<string, unknown>[]) =>
    after(steps.map((step, i) => event({ session_id: id, prompt_id: "p", ...step }, seconds + i, i + 1)));
  const list = [
    at("ended", 0, [prompt, { hook_event_name: "SessionEnd" }]),
    at("works", 50, [prompt]),
    at("new question", 30, [prompt, pre, asks]),
    at("done", 40, [prompt, stop]),
    at("old question", 10, [prompt, pre, asks]),
  ];
  expect(inOrder(list, (list[1]?.lastAt ?? 0) + 1000).map((one) => one.id)).toEqual(["old question", "new question", "done", "works", "ended"]);
});

describe("a session of which only the end was loaded", () => {
  const later = (...steps: Parameters<typeof event>[0][]) => after(steps.map((step, i) => event({ session_id: "s", prompt_id: "p1", ...step }, 60 + i, 100 + i)));
  const first = event({ session_id: "s", prompt_id: "p1", ...prompt }, 0, 7);

  test("is counted with what came before, and is as old", () => {
    const whole = withEarlier(later(pre, { ...post, hook_event_name: "PostToolUseFailure" }), { events: 40, errors: 3, began: first.at });
    expect([whole.whole, whole.events, whole.errors, whole.startedAt]).toEqual([true, 42, 4, first.at]);
  });
  test("is known whole when it began here", () => {
    expect([{ source: "startup" }, { source: "resume" }].map((more) => later({ hook_event_name: "SessionStart", ...more }).whole)).toEqual([true, false]);
  });
  test("works since its prompt, and its turn took as long", () => {
    expect(withPrompt(later(pre), first)).toMatchObject({ prompt: "go", turn: { since: first.at } });
    expect(withPrompt(later(pre, post, stop), first).turnEnded?.tookMs).toBe(62_000);
  });
  test("a prompt of its own counts more", () => {
    const session = later({ ...prompt, prompt: "next", prompt_id: "p2" });
    expect(withPrompt(session, first)).toBe(session);
  });
  test("the prompt of another turn is no beginning of this one", () => {
    const session = later({ ...pre, prompt_id: "p2" });
    expect(withPrompt(session, first).turn).toEqual(session.turn);
  });
});
