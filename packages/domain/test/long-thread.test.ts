import { assert, describe, it } from "@effect/vitest";
import { CheckpointRef } from "@heddle/contracts/Ids";
import type { NewEvent } from "@heddle/contracts/Events";
import { decideAgent } from "../src/Agent.ts";
import { threadSnapshot } from "../src/FoldSnapshot.ts";
import { evolveThread, initialThread, type ThreadState, turnsInOrder } from "../src/ThreadState.ts";
import {
  AT,
  c0,
  comparable,
  diffCompleted,
  done,
  event,
  NOW,
  t1,
  threadCreated,
  turnOf,
  turnStarted,
} from "./support.ts";

const TURNS = 1000;

const upTo = (turns: number) => Array.from({ length: turns }, (_, index) => index + 1);
const nameOf = (turnCount: number) => `m${turnCount}`;

/** The state after each event. */
const statesOf = (events: ReadonlyArray<NewEvent>, from: ThreadState = initialThread) => {
  const states = [from];
  for (const one of events) states.push(evolveThread(states.at(-1) ?? from, one));
  return states;
};
const lastOf = (states: ReadonlyArray<ThreadState>) => states.at(-1) ?? initialThread;

const long = lastOf(
  statesOf([threadCreated(), ...upTo(TURNS).flatMap((turnCount) => done(nameOf(turnCount), turnCount))]),
);
const countsOf = (state: ThreadState) =>
  state.status === "live" ? turnsInOrder(state.turns).map(([turnCount]) => turnCount) : [];

const revertRequested = (turnCount: number) =>
  event("thread.checkpoint-revert-requested", { threadId: "t1", turnCount, createdAt: AT });
const decideRevert = (thread: ThreadState, turnCount: number) => {
  const decision = decideAgent(
    evolveThread(thread, revertRequested(turnCount)),
    {
      type: "thread.checkpoint.revert.complete",
      commandId: c0,
      threadId: t1,
      turnCount,
      files: [],
      skipped: [],
      safetyRef: CheckpointRef.make("refs/heddle/safety"),
    },
    NOW,
  );
  const [reverted] = "rejected" in decision ? [] : decision;
  if (reverted?.eventType !== "thread.reverted") throw new Error("The revert was refused.");
  return reverted;
};

const partsOf = (whole: object): ReadonlyArray<unknown> =>
  whole instanceof Map ? [...whole].flat() : Object.values(whole);

const objectsOf = (value: unknown, found = new Set<object>()): ReadonlySet<object> => {
  if (typeof value !== "object" || value === null || found.has(value)) return found;
  found.add(value);
  for (const part of partsOf(value)) objectsOf(part, found);
  return found;
};

/** How many fields and elements there are in the objects that only the second of the states is made of. */
const written = (before: ThreadState, after: ThreadState) => {
  const known = objectsOf(before);
  const fresh = [...objectsOf(after)].filter((one) => !known.has(one));
  return fresh.reduce((sum, one) => sum + partsOf(one).length, 0);
};

describe(`a thread of ${TURNS} turns`, () => {
  const next = TURNS + 1;

  it.each([
    ["begins", turnStarted(nameOf(next), next)],
    ["has its checkpoint", diffCompleted(nameOf(TURNS), TURNS, "missing")],
    ["is reverted", decideRevert(long, TURNS - 1)],
  ])("shares its turns with the state before when one %s", (_, one) => {
    assert.isBelow(written(long, evolveThread(long, one)), TURNS / 5);
  });

  it("leaves the states before as they were", () => {
    const before = structuredClone(comparable(long));
    const [, ...states] = statesOf([...done(nameOf(next), next), decideRevert(long, 10)], long);
    assert.deepStrictEqual(comparable(long), before);
    assert.deepStrictEqual(countsOf(lastOf(states)), upTo(10));
    assert.deepStrictEqual(countsOf(states.at(-2) ?? initialThread), upTo(next));
  });

  it("names the turns that a revert takes away in the order of their counts", () => {
    const { removedTurnIds, latestTurnId } = decideRevert(long, 10).payload;
    assert.deepStrictEqual(
      removedTurnIds,
      upTo(TURNS)
        .slice(10)
        .map((turnCount) => turnOf(nameOf(turnCount))),
    );
    assert.strictEqual(latestTurnId, turnOf(nameOf(10)));
  });

  it("goes on after a revert as if the turns had never been", () => {
    const reverted = evolveThread(long, decideRevert(long, 40));
    const anew = upTo(60).slice(40);
    const again = lastOf(
      statesOf(
        anew.flatMap((turnCount) => done(`again${turnCount}`, turnCount)),
        reverted,
      ),
    );
    assert.deepStrictEqual(
      again.status === "live" ? turnsInOrder(again.turns).map(([, { turnId }]) => turnId) : [],
      [
        ...upTo(40).map((turnCount) => turnOf(nameOf(turnCount))),
        ...anew.map((turnCount) => turnOf(`again${turnCount}`)),
      ],
    );
  });

  it("is stored in the order of the counts, and comes back", () => {
    for (const state of [long, evolveThread(long, decideRevert(long, 40))]) {
      const json = threadSnapshot.toJson(state);
      const stored: { turns: ReadonlyArray<readonly [number, unknown]> } = JSON.parse(json);
      assert.deepStrictEqual(
        stored.turns.map(([turnCount]) => turnCount),
        countsOf(state),
      );
      assert.deepStrictEqual(stored.turns[0], [1, { turnId: turnOf("m1"), checkpoint: "ready" }]);
      const back = threadSnapshot.fromJson(json);
      assert.deepStrictEqual(comparable(back), comparable(state));
      assert.strictEqual(threadSnapshot.toJson(back), json);
    }
  });
});
