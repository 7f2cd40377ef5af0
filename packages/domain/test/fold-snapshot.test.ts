import { readFileSync } from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import fc from "fast-check";
import { projectSnapshot, threadSnapshot } from "../src/FoldSnapshot.ts";
import { play, randomSteps } from "./Steps.ts";
import { comparable } from "./support.ts";

describe("the snapshot of a state", () => {
  it("gives the very state back, whatever has happened to the thread", () => {
    fc.assert(
      fc.property(randomSteps(200), (steps) => {
        const world = play(steps);
        for (const state of world.threads.values()) {
          const back = threadSnapshot.fromJson(threadSnapshot.toJson(state));
          assert.deepStrictEqual(comparable(back), comparable(state));
        }
        for (const state of world.projects.values()) {
          assert.deepStrictEqual(projectSnapshot.fromJson(projectSnapshot.toJson(state)), state);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("is refused where it is not one", () => {
    assert.throws(() => threadSnapshot.fromJson(`{"status":"live"}`), /projectId/);
    assert.throws(() => threadSnapshot.fromJson("nonsense"));
  });
});

describe("the fold of its version", () => {
  /**
   * A history with its states, as the fold of this version made them. If this fails, the same events fold into another
   * state than before: give the snapshot's `version` the next number, and write the file anew.
   */
  it("is the fold that it was when snapshots of its version were first stored", () => {
    const [steps = []] = fc.sample(randomSteps(300), { numRuns: 1, seed: 11 });
    const world = play(steps);
    const states = Object.fromEntries(
      [...world.threads].map(([threadId, state]) => [threadId, JSON.parse(threadSnapshot.toJson(state))]),
    );
    const file = new URL(`samples/thread-fold.v${threadSnapshot.version}.json`, import.meta.url);
    assert.deepStrictEqual(states, JSON.parse(readFileSync(file, "utf8")));
  });
});
