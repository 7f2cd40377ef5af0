/**
 * Rebuilding and verifying projections while commands go on: how fast, against a catch-up that has the process to itself,
 * and what it leaves to the commands. Both are cut short, since the whole takes a minute of its own: `heddle projections
 * verify` says how long.
 */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProjectionJobItem } from "@heddle/contracts/ProjectionRpc";
import { Engine } from "@heddle/orchestrator/Engine";
import { OneJob } from "@heddle/replay/OneJob";
import { type Purpose, Rebuild } from "@heddle/replay/rebuild/Rebuild";
import { Effect, Fiber, Layer, Stream } from "effect";
import type { Figure, Part } from "../Figure.ts";
import { millionEvents, project, someOfMillion as threads, unprojectedLog } from "../StoredDatabase.ts";
import { dispatch, openEngine, rate, rename, withFolder } from "../support.ts";

const COMMANDS = 5000;
const WIDTH = 100;
/** In milliseconds. */
const REBUILD_FOR = 5000;
const VERIFY_FOR = 7000;
/** The share of the events after which memory should not grow any more. */
const WARM = 0.1;

const one = (name: string) => (index: number) =>
  dispatch(rename(threads[index % threads.length] ?? "", `${name}-${index}`));

/** Sends commands until it is interrupted; gives how many were answered so far. */
const commandsWithoutEnd = (name: string) => {
  let [next, done] = [0, 0];
  const worker = Effect.forever(
    Effect.suspend(() => one(name)(next++)).pipe(Effect.tap(() => Effect.sync(() => (done += 1)))),
  );
  const sending = Effect.all(
    Array.from({ length: WIDTH }, () => worker),
    { concurrency: "unbounded", discard: true },
  );
  return { sending, done: () => done };
};

const rebuilds = (folder: string) =>
  Layer.unwrap(
    Effect.map(Engine, ({ exclusively, catchUpProjections }) =>
      Rebuild.layer({
        database: join(folder, "heddle.db"),
        file: join(folder, "rebuild.db"),
        exclusively,
        catchUp: catchUpProjections,
      }),
    ),
  ).pipe(Layer.provide(OneJob.layer));

interface Measured {
  /** In a second, of the building alone where it was cut short. */
  readonly events: number;
  readonly commands: number;
  /** Bytes of the process when a part of the work was done, and the most after that. */
  readonly warm: number;
  readonly most: number;
}

/** Runs a job while commands go on, to its end or for some time. */
const whileCommandsGoOn = (folder: string, purpose: Purpose, forMillis = Number.POSITIVE_INFINITY) =>
  Effect.gen(function* () {
    const rebuild = yield* Rebuild;
    const { sending, done } = commandsWithoutEnd(`during-${purpose}`);
    let [events, eventsBefore, warm, most] = [0, 0, 0, 0];
    let [begun, commandsBefore]: [number | undefined, number] = [undefined, 0];
    const isOver = (item: ProjectionJobItem): boolean => {
      if (item.kind === "difference") throw new Error(`Something differs: ${JSON.stringify(item)}`);
      if (item.kind === "report") {
        if (!item.sound) throw new Error(`Not sound: ${JSON.stringify(item)}`);
        events = item.events - eventsBefore;
        return true;
      }
      // What was done until then was not timed.
      if (begun === undefined) [begun, commandsBefore, eventsBefore] = [performance.now(), done(), item.done];
      if (item.phase === "building") events = item.done - eventsBefore;
      const { rss } = process.memoryUsage();
      if (warm > 0) most = Math.max(most, rss);
      else if (item.phase !== "building" || item.done > WARM * (item.total ?? 0)) warm = rss;
      return performance.now() - begun > forMillis;
    };
    const commands = yield* Effect.forkChild(sending);
    yield* Stream.runDrain(Stream.takeUntil(rebuild.run({ purpose, names: [], limit: 20 }), isOver));
    const seconds = (performance.now() - (begun ?? 0)) / 1000;
    const answered = done() - commandsBefore;
    yield* Fiber.interrupt(commands);
    return { events: events / seconds, commands: answered / seconds, warm, most } satisfies Measured;
  }).pipe(Effect.provide(rebuilds(folder)));

const catchUpRate = async (place: string): Promise<number> => {
  const { folder, events } = await unprojectedLog();
  await copyFile(join(folder, "heddle.db"), join(place, "heddle.db"));
  return events / (await project(place, events));
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (place) => {
    const catchUp = await catchUpRate(place);
    const { folder } = await millionEvents();
    const engine = openEngine(folder);
    try {
      await engine.run(rate(COMMANDS, WIDTH, one("before-rebuild")));
      const alone = await engine.run(rate(COMMANDS, WIDTH, one("without-rebuild")));
      const rebuilt = await engine.run(whileCommandsGoOn(folder, "rebuild", REBUILD_FOR));
      const verified = await engine.run(whileCommandsGoOn(folder, "verify", VERIFY_FOR));
      const speed = (name: string, { events }: Measured): Figure => ({
        name,
        value: events,
        against: catchUp,
        unit: "events/s, catch-up",
        ratio: events / catchUp,
        bound: { atLeast: 0.5 },
      });
      const left = (name: string, { commands }: Measured): Figure => ({
        name,
        value: commands,
        against: alone,
        unit: "commands/s, alone",
        ratio: commands / alone,
        bound: { atLeast: 0.5 },
      });
      return [
        speed("rebuild of the first events, commands going on", rebuilt),
        left("durable commands meanwhile", rebuilt),
        speed("verification of the first events, commands going on", verified),
        left("durable commands meanwhile", verified),
        {
          name: "memory of the process from a tenth of them on, at most",
          value: verified.most / 2 ** 20,
          against: verified.warm / 2 ** 20,
          unit: "MiB, at a tenth",
          ratio: verified.most / verified.warm,
          bound: { atMost: 1.5 },
        },
      ];
    } finally {
      await engine.close();
    }
  });

export const rebuild: Part = {
  name: "rebuild",
  title: "Projections built a second time (1,000,000 events, on a thread of its own, 100 commands in flight)",
  prepare: () => Promise.all([millionEvents(), unprojectedLog()]),
  run,
};
