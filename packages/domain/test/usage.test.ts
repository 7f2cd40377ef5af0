import { assert, describe, it } from "@effect/vitest";
import type { TokenUsage } from "@heddle/contracts/Model";
import fc from "fast-check";
import { aThread, done, event, given, NOW, running, server, turnOf } from "./support.ts";
import { play, randomSteps } from "./Steps.ts";

const tokens = (inputTokens: number, outputTokens: number, costUsd?: number): TokenUsage => ({
  inputTokens,
  cachedInputTokens: 0,
  outputTokens,
  ...(costUsd !== undefined && { costUsd }),
});

const record = (messageId: string, usage: TokenUsage) =>
  server({ type: "thread.turn.usage.record", turnId: turnOf(messageId), usage });

const recorded = (messageId: string, usage: TokenUsage, threadUsage: TokenUsage) =>
  event("thread.turn-usage-recorded", {
    threadId: "t1",
    turnId: turnOf(messageId),
    usage,
    threadUsage,
    recordedAt: NOW,
  });

describe("what a turn uses", () => {
  it("is the thread's, where it is the first", () => {
    given(aThread, running("m1"))
      .when(record("m1", tokens(100, 10, 0.25)))
      .gives(recorded("m1", tokens(100, 10, 0.25), tokens(100, 10, 0.25)));
  });

  it("replaces what was said of the turn before", () => {
    given(aThread, running("m1"), recorded("m1", tokens(100, 10), tokens(100, 10)))
      .when(record("m1", tokens(150, 20)))
      .gives(recorded("m1", tokens(150, 20), tokens(150, 20)));
  });

  it("is added to that of the turns before", () => {
    given(
      aThread,
      running("m1"),
      recorded("m1", tokens(100, 10, 0.25), tokens(100, 10, 0.25)),
      done("m1", 1),
      running("m2", 2),
    )
      .when(record("m2", tokens(1, 2)))
      .gives(recorded("m2", tokens(1, 2), tokens(101, 12, 0.25)));
  });

  it("is refused once the turn is over", () => {
    given(aThread, done("m1", 1))
      .when(record("m1", tokens(1, 2)))
      .rejected("turn-not-found");
  });
});

describe("what a thread uses", () => {
  it("is the sum of what its turns used, those that were reverted too", () => {
    fc.assert(
      fc.property(randomSteps(250), (steps) => {
        const ofTurns = new Map<string, TokenUsage>();
        for (const { eventType, payload, streamId } of play(steps).log) {
          if (eventType !== "thread.turn-usage-recorded") continue;
          ofTurns.set(`${streamId} ${payload.turnId}`, payload.usage);
          const all = [...ofTurns].flatMap(([key, usage]) => (key.startsWith(`${streamId} `) ? usage : []));
          assert.strictEqual(
            payload.threadUsage.inputTokens,
            all.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
          );
          assert.closeTo(
            payload.threadUsage.costUsd ?? 0,
            all.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0),
            1e-9,
          );
        }
      }),
      { numRuns: 100 },
    );
  });
});
