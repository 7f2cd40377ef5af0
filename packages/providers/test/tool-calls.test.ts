import { assert, describe, it } from "@effect/vitest";
import { ToolCalls } from "../src/acp/ToolCalls.ts";
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
