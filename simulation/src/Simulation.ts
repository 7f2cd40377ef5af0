/** One run of the whole engine under one seed: several lives of a server, each ended by a crash or a stop. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ThreadId } from "@heddle/contracts/Ids";
import { migrate } from "@heddle/event-store/Migrations";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import { Engine } from "@heddle/orchestrator/Engine";
import { fromClient } from "@heddle/orchestrator/GroupWriter";
import { CommandId } from "@heddle/contracts/Ids";
import { Cause, Clock, Effect, Exit, Fiber, Logger, Random, References } from "effect";
import { Client } from "./Client.ts";
import { firstCommands } from "./Commands.ts";
import { temporaryRoot } from "./Disk.ts";
import { checkAtTheEnd, nothingIsLeftRunning, restIsTrue } from "./Laws.ts";
import { SeededScheduler } from "./SeededScheduler.ts";
import { type Plants, simulatedServer } from "./SimulatedServer.ts";
import { Subscriber } from "./Subscriber.ts";
import { type Broken, World } from "./World.ts";

export interface Outcome {
  readonly seed: number;
  /** Empty where every law holds. */
  readonly broken: ReadonlyArray<Broken>;
  /** The last steps. */
  readonly trace: ReadonlyArray<string>;
  /** Of the log that came of it; empty where a law was broken before the end. */
  readonly logHash: string;
  /** Of every step: two runs with the same one went the same way. */
  readonly traceHash: string;
  readonly events: number;
  readonly crashes: number;
  readonly accepted: number;
  readonly rejected: number;
}

/** Steps of one life at most: one that takes more never comes to rest. */
const MOST_STEPS = 400_000;
const TRACE_LINES = 60;
const COMMANDS = 8;

/** Databases with the present schema, for runs to begin with. */
export class Template {
  readonly #folder = mkdtempSync(join(temporaryRoot, "heddle-simulation-template-"));
  readonly file = join(this.#folder, "heddle.db");

  constructor() {
    Effect.runSync(migrate().pipe(Effect.provide(writerLayer(this.file))));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs one seed. The same seed goes the same way each time. */
export const runSeed = (seed: number, template: Template, plants: Plants = {}): Outcome => {
  const world = new World(seed, template.file);
  const { dice } = world;
  const clients = [
    new Client(world, "ann", COMMANDS, firstCommands()),
    new Client(world, "bob", COMMANDS),
    new Client(world, "cem", COMMANDS),
  ];
  const subscribers = [
    new Subscriber(world, "all", null),
    new Subscriber(world, "thread t0", ThreadId.make("t0")),
    new Subscriber(world, "thread t1", ThreadId.make("t1")),
  ];
  const people = { clients, subscribers };
  const crashes = dice.between(0, 2);
  let logHash = "";
  try {
    for (let life = 0; life <= crashes && world.broken.length === 0; life += 1) {
      runLife(world, people, plants, life === crashes);
    }
    if (world.broken.length === 0) {
      for (const subscriber of subscribers) subscriber.compareWithLog();
      logHash = checkAtTheEnd(world, (to) => copyFileSync(template.file, to));
    }
    const [log] = world.disk.look("SELECT count(*) AS events FROM orchestration_events");
    const tallies = clients.map(({ tally }) => tally);
    return {
      seed,
      broken: world.broken,
      trace: world.trace.last(TRACE_LINES),
      logHash,
      traceHash: world.trace.digest(),
      events: Number(log?.["events"]),
      crashes,
      accepted: tallies.reduce((sum, { accepted }) => sum + accepted, 0),
      rejected: tallies.reduce((sum, { rejected }) => sum + rejected, 0),
    };
  } finally {
    world.disk.remove();
  }
};

interface People {
  readonly clients: ReadonlyArray<Client>;
  readonly subscribers: ReadonlyArray<Subscriber>;
}

/** From the server's start to its crash, or to its stop if it is the last life. */
const runLife = (world: World, people: People, plants: Plants, last: boolean): void => {
  const { dice, disk, clock, trace } = world;
  const scheduler = new SeededScheduler(dice, dice.pick([10, 60, 300, 2000]));
  const crashAt = last || dice.chance(0.2) ? Number.POSITIVE_INFINITY : dice.between(100, 6000);
  trace.add("server", "starts");
  disk.attach();
  const troubledStart = !last && dice.chance(0.15);
  if (troubledStart) disk.setFaults(200);
  const fiber = Effect.runFork(
    life(world, people, last).pipe(
      Effect.provide(simulatedServer(world, plants)),
      Effect.provide(Logger.layer([traceLogger(world)])),
      Effect.provideService(Clock.Clock, clock),
      Random.withSeed(world.seed),
      Effect.provideService(References.TracerEnabled, false),
    ),
    { scheduler },
  );
  for (let step = 0; fiber.pollUnsafe() === undefined && world.broken.length === 0; step += 1) {
    if (step === crashAt) {
      trace.add("server", "crashes");
      disk.crash();
      clock.forgetSleepers();
      return;
    }
    if (step > MOST_STEPS) world.breaks("the-server-comes-to-rest", `${MOST_STEPS} steps were not enough.`);
    if (dice.chance(0.1)) clock.pass(1);
    if (!scheduler.step() && !clock.passToNext()) {
      world.breaks("the-server-comes-to-rest", "Everybody waits for somebody else.");
    }
  }
  disk.detach();
  clock.forgetSleepers();
  const exit = fiber.pollUnsafe();
  if (exit && Exit.isFailure(exit)) {
    trace.add("server", "did not start");
    if (!troubledStart) world.breaks("the-server-starts", Cause.pretty(exit.cause));
  } else if (world.broken.length === 0) nothingIsLeftRunning(world);
  world.agents.clear();
};

/** What people do while the server runs. */
const life = Effect.fnUntraced(function* (world: World, { clients, subscribers }: People, last: boolean) {
  const { dice, disk, trace } = world;
  trace.add("server", "is ready");
  const followers = yield* Effect.forEach(subscribers, ({ follow }) => Effect.forkChild(follow));
  const trouble = yield* Effect.forkChild(troubles(world));
  const count = last ? COMMANDS : dice.between(1, COMMANDS);
  yield* Effect.forEach(clients, (client) => client.work(count), { concurrency: "unbounded", discard: true });
  yield* Fiber.interrupt(trouble);
  disk.setFaults(0);
  disk.setFull(false);
  trace.add("people", "wait for rest");
  yield* settle(world);
  restIsTrue(world);
  yield* Effect.forEach(followers, (follower) => Fiber.interrupt(follower), { discard: true });
  yield* Effect.forEach(subscribers, ({ catchUp }) => catchUp, { discard: true });
  if (last) {
    yield* Effect.forEach(clients, ({ confirm }) => confirm, { concurrency: "unbounded", discard: true });
    yield* settle(world);
    yield* Effect.forEach(subscribers, ({ catchUp }) => catchUp, { discard: true });
  }
  trace.add("server", "stops");
});

/** A disk that fails now and then, or is full for a while. */
const troubles = Effect.fnUntraced(function* ({ dice, disk }: World) {
  while (true) {
    yield* Effect.sleep(dice.between(0, 4000));
    if (dice.chance(0.5)) {
      disk.setFaults(dice.between(5, 300));
      yield* Effect.sleep(dice.between(10, 3000));
      disk.setFaults(0);
    } else {
      disk.setFull(true);
      yield* Effect.sleep(dice.between(10, 3000));
      disk.setFull(false);
    }
  }
});

/** Until no effect is open and no turn runs. Whatever hangs is stopped by a person. */
const settle = Effect.fnUntraced(function* (world: World) {
  const engine = yield* Engine;
  const { disk } = world;
  for (let waited = 1; ; waited += 1) {
    yield* Effect.sleep("1 second");
    const open = disk.look("SELECT kind FROM orchestration_effects WHERE status IN ('pending', 'claimed')");
    const turns = disk.look(
      "SELECT DISTINCT thread_id FROM projection_thread_turns WHERE status = 'running'",
    );
    if (open.length + turns.length === 0) return;
    if (waited > 120) {
      const kinds = [
        ...open.map(({ kind }) => kind),
        ...turns.map(({ thread_id }) => `turn of ${thread_id}`),
      ];
      return world.breaks("the-server-comes-to-rest", `Two minutes on, there still is ${kinds.join(", ")}.`);
    }
    if (waited % 5 > 0) continue;
    for (const row of turns) {
      const threadId = ThreadId.make(String(row["thread_id"]));
      const commandId = CommandId.make(`stop-${world.nextId()}`);
      world.trace.add("people", `stop ${threadId}`);
      yield* engine
        .dispatch(
          { type: "thread.session.stop", commandId, threadId, createdAt: "2026-01-31T12:00:00Z" },
          fromClient,
        )
        .pipe(Effect.catch((error) => Effect.sync(() => world.trace.add("people", error.message))));
    }
  }
});

const traceLogger = (world: World) =>
  Logger.make(({ message, logLevel }) => {
    const words = Array.isArray(message) ? message : [message];
    world.trace.add(
      `log ${logLevel}`,
      words.map((word) => (typeof word === "string" ? word : brief(word))).join(" "),
    );
  });

const brief = (word: unknown): string =>
  (word instanceof Error ? `${word.name}: ${word.message}` : "").slice(0, 200);
