import { assert, describe, it } from "@effect/vitest";
import { isDistinct, ToolCalls } from "../src/acp/ToolCalls.ts";
import { PROGRESS_BYTES } from "../src/shared/Bounded.ts";

const OUTPUT = "what a tool printed\n".repeat(100_000);

const shown = (calls: ToolCalls, status: "in_progress" | "completed"): string => {
  const content = [{ type: "content", content: { type: "text", text: OUTPUT } }];
  const payload = calls.update({ toolCallId: "call-1", title: "Run", status, content })?.payload;
  return (payload as { readonly text: string }).text;
};

describe("what a tool shows", () => {
  it("is whole at the call's end, and cut while it runs, when agents repeat it with each line", () => {
    const calls = new ToolCalls();
    calls.update({ toolCallId: "call-1", title: "Run", status: "in_progress" });
    assert.isAtMost(shown(calls, "in_progress").length, PROGRESS_BYTES);
    assert.isTrue(shown(calls, "completed") === OUTPUT);
  });

  it("is whole where it comes with the call's first word", () => {
    assert.isTrue(shown(new ToolCalls(), "in_progress") === OUTPUT);
  });
});

describe("a tool call", () => {
  const call = { toolCallId: "call-1", title: "Run", rawInput: { command: "ls" } };

  it("has the arguments that were told before, until it is over", () => {
    const calls = new ToolCalls();
    calls.update(call);
    assert.deepStrictEqual(calls.describe({ toolCallId: "call-1" }).input, { command: "ls" });
    calls.update({ toolCallId: "call-1", status: "completed" });
    assert.isUndefined(calls.describe({ toolCallId: "call-1" }).input);
  });

  it("is not taken for another that is told in the same way once its arguments are forgotten", () => {
    const calls = new ToolCalls();
    calls.update(call);
    assert.isTrue(isDistinct(calls.describe({ toolCallId: "call-1" })));
    calls.update({ toolCallId: "call-1", status: "completed" });
    assert.isFalse(isDistinct(calls.describe({ toolCallId: "call-1" })));
  });

  it("keeps a title that was cut as it is", () => {
    const calls = new ToolCalls();
    const first = calls.update({ toolCallId: "call-1", title: "x".repeat(3000) });
    assert.match(first?.title ?? "", /…\[1000 characters left out\]/);
    assert.strictEqual(calls.update({ toolCallId: "call-1", status: "completed" })?.title, first?.title);
  });
});
