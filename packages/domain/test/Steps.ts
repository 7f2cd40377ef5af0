/**
 * Random histories. A step is a wish with a few numbers; it becomes a command that fits the world as it is then, or, now
 * and then, one that does not. So a list of steps can be cut anywhere and still makes sense, which is what shrinking does.
 */
import type { ClientCommand } from "@heddle/contracts/Commands";
import { HashMap } from "effect";
import fc from "fast-check";
import type { Decision } from "../src/Decision.ts";
import type { ServerCommand } from "../src/ServerCommand.ts";
import { commandFor } from "./StepCommands.ts";
import { type AnyCommand, World } from "./World.ts";

const CLIENT_WISHES = {
  "project.create": 12,
  "project.meta.update": 8,
  "project.delete": 1,
  "thread.create": 24,
  "thread.meta.update": 8,
  "thread.delete": 2,
  "thread.archive": 4,
  "thread.unarchive": 16,
  "thread.fork": 4,
  "thread.runtime-mode.set": 4,
  "thread.turn.start": 70,
  "thread.queue.reorder": 8,
  "thread.turn.interrupt": 20,
  "thread.approval.respond": 16,
  "thread.user-input.respond": 16,
  "thread.checkpoint.revert": 80,
  "thread.session.stop": 8,
} as const satisfies Record<ClientCommand["type"], number>;

const SERVER_WISHES = {
  "thread.session.set": 16,
  "thread.session.end": 5,
  "thread.session.stall": 12,
  "thread.turn.begin": 80,
  "thread.turn.complete": 70,
  "thread.turn.usage.record": 30,
  "thread.turn.diff.complete": 60,
  "thread.message.assistant.delta": 32,
  "thread.message.assistant.complete": 16,
  "thread.message.import": 4,
  "thread.activity.append": 20,
  "thread.approval.request": 24,
  "thread.approval.resolve": 20,
  "thread.user-input.request": 20,
  "thread.user-input.resolve": 16,
  "thread.checkpoint.revert.complete": 70,
  "thread.checkpoint.revert.fail": 10,
  "thread.worktree.made": 10,
  "thread.worktree.fail": 6,
} as const satisfies Record<ServerCommand["type"], number>;

export type Wish = ClientCommand["type"] | ServerCommand["type"];

export interface Step {
  readonly wish: Wish;
  /** Which project, which thread, which thing in it, and which form of the command. */
  readonly project: number;
  readonly thread: number;
  readonly pick: number;
  readonly form: number;
}

const stepArbitrary = (wishes: Partial<Record<Wish, number>>): fc.Arbitrary<Step> =>
  fc.record({
    wish: fc.oneof(
      ...Object.entries(wishes).map(([wish, weight]) => ({ weight, arbitrary: fc.constant(wish as Wish) })),
    ),
    project: fc.nat(1),
    thread: fc.constantFrom(0, 0, 0, 0, 1, 1, 2),
    pick: fc.nat(7),
    form: fc.nat(11),
  });

const steps = (wishes: Partial<Record<Wish, number>>, maxLength: number) =>
  // A project and threads stand at the beginning, or little would come of what follows.
  fc.array(stepArbitrary(wishes), { maxLength, size: "max" }).map((random) => FIRST.concat(random));

const FIRST: ReadonlyArray<Step> = [
  { wish: "project.create", project: 0, thread: 0, pick: 0, form: 1 },
  { wish: "thread.create", project: 0, thread: 0, pick: 0, form: 1 },
  { wish: "thread.create", project: 0, thread: 1, pick: 0, form: 2 },
];

/** What people and agents do. */
export const randomSteps = (maxLength: number) => steps({ ...CLIENT_WISHES, ...SERVER_WISHES }, maxLength);
/** What people do. */
export const clientSteps = (maxLength: number) => steps(CLIENT_WISHES, maxLength);

/** The world after the steps, each with its own command id and its own second. */
export const play = (
  random: ReadonlyArray<Step>,
  after?: (world: World, command: AnyCommand, decision: Decision) => void,
): World => {
  const world = new World();
  for (const [index, step] of random.entries()) {
    const command = commandFor(world, step, `c${index}`);
    const decision = world.handle(command, timeOf(index));
    after?.(world, command, decision);
  }
  return world;
};

/** Of some random worlds the one in which the most turns stand: always the same, with rows for every table. */
export const busyWorld = (maxLength: number): World => {
  const worlds = fc.sample(randomSteps(maxLength), { numRuns: 20, seed: 3 }).map((random) => play(random));
  const turnsIn = ({ threads }: World) =>
    [...threads.values()].reduce(
      (sum, thread) => sum + (thread.status === "live" ? HashMap.size(thread.turns) : 0),
      0,
    );
  return worlds.reduce((best, world) => (turnsIn(world) > turnsIn(best) ? world : best));
};

const START = Date.UTC(2026, 1, 3);
export const timeOf = (index: number): string => new Date(START + index * 1000).toISOString();
