import "effect/schema/SchemaJITCompiler/enable";
import { afterAll, assert, describe, it } from "@effect/vitest";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { Layer } from "effect";
import type { Plants } from "../src/SimulatedServer.ts";
import { type Outcome, runSeed, Template } from "../src/Simulation.ts";
import { answersBeforeTheCommit, attachesAfterReading, forgetsReceipts } from "./Broken.ts";

const template = new Template();
afterAll(() => template.remove());

/** Lets the event loop go round between two seeds: a run itself never does. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

const report = ({ seed, broken, trace }: Outcome): string =>
  [
    `Seed ${seed}; again, the same way: pnpm simulate --seed ${seed}`,
    ...broken.map(({ law, message }) => `${law}: ${message}`),
    ...trace.slice(-30),
  ].join("\n");

const SEEDS = 1000;
const BLOCK = 100;
const blocks = Array.from({ length: SEEDS / BLOCK }, (_, block) => block * BLOCK + 1);

describe("the engine under a seed, with crashes, failing disks and agents of all kinds,", () => {
  it.each(blocks)("keeps the laws of the log: 100 seeds from %i", async (from) => {
    const total = { events: 0, crashes: 0, accepted: 0, rejected: 0 };
    for (let seed = from; seed < from + BLOCK; seed += 1) {
      const outcome = runSeed(seed, template);
      assert.isEmpty(outcome.broken, report(outcome));
      total.events += outcome.events;
      total.crashes += outcome.crashes;
      total.accepted += outcome.accepted;
      total.rejected += outcome.rejected;
      await pause();
    }
    // Or nothing would have been tried.
    assert.isAbove(total.events, 20 * BLOCK);
    assert.isAbove(total.crashes, BLOCK / 2);
    assert.isAbove(total.accepted, 5 * BLOCK);
    assert.isAbove(total.rejected, 5 * BLOCK);
  });

  it("goes the same way each time, step by step", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const first = runSeed(seed, template);
      const second = runSeed(seed, template);
      assert.deepStrictEqual(second, first);
      await pause();
    }
  });

  it("goes another way under another seed", () => {
    const hashes = [1, 2, 3, 4, 5].map((seed) => runSeed(seed, template).traceHash);
    assert.strictEqual(new Set(hashes).size, hashes.length);
  });
});

/** The first seed that sees the bug, and the law that it breaks. */
const found = async (plants: Plants, within: number): Promise<Outcome> => {
  for (let seed = 1; seed <= within; seed += 1) {
    const outcome = runSeed(seed, template, plants);
    if (outcome.broken.length > 0) return outcome;
    await pause();
  }
  throw new Error(`${within} seeds did not see it.`);
};

describe("a simulation sees", () => {
  it("an answer that is given before its commit", async () => {
    const { broken } = await found({ engine: answersBeforeTheCommit }, 20);
    assert.strictEqual(broken[0]?.law, "what-was-answered-is-stored");
  });

  it("a repeated command that is carried out again", async () => {
    const { broken } = await found({ engine: forgetsReceipts }, 40);
    assert.include(
      [
        "the-same-command-gets-the-same-answer",
        "what-was-answered-is-stored",
        "an-id-stands-for-one-command",
      ],
      broken[0]?.law,
    );
  });

  it("a subscription that attaches after it has read", async () => {
    const subscriptions = Layer.effect(Subscriptions, attachesAfterReading);
    const { broken } = await found({ subscriptions }, 60);
    assert.strictEqual(broken[0]?.law, "a-subscriber-sees-each-event-once");
  });
});
