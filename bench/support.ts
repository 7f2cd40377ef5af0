/** Engines, commands and folders for the parts of the bench. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientCommand, type ClientCommandInput } from "@heddle/contracts/Commands";
import { Engine } from "@heddle/orchestrator/Engine";
import { engineLayer } from "@heddle/orchestrator/EngineLayer";
import { fromClient } from "@heddle/orchestrator/GroupWriter";
import { Effect, type Layer, ManagedRuntime, Schema } from "effect";

const AT = "2026-01-31T12:00:00.000Z";

const decode = Schema.decodeSync(ClientCommand);

export const dispatch = (command: ClientCommandInput) =>
  Effect.flatMap(Engine, (engine) => engine.dispatch(decode(command), fromClient));

export const createProject: ClientCommandInput = {
  type: "project.create",
  commandId: "create-project",
  projectId: "p",
  title: "Project",
  workspaceRoot: "/tmp",
  createdAt: AT,
};

export const createThread = (threadId: string): ClientCommandInput => ({
  type: "thread.create",
  commandId: `create-${threadId}`,
  threadId,
  projectId: "p",
  title: "Thread",
  model: "demo",
  branch: null,
  worktreePath: null,
  createdAt: AT,
});

export const rename = (threadId: string, commandId: string): ClientCommandInput => ({
  type: "thread.meta.update",
  commandId,
  threadId,
  title: `The title that ${commandId} gave it`,
});

export const withFolder = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

export type EngineParts = Layer.Success<ReturnType<typeof engineLayer>>;

/** Runs a program on an engine with its database in `folder`. */
export const onEngine = <A, E>(folder: string, program: Effect.Effect<A, E, EngineParts>): Promise<A> =>
  Effect.runPromise(program.pipe(Effect.provide(engineLayer(join(folder, "heddle.db"))), Effect.scoped));

/** An engine that stays open, so that two can be measured in turn. */
export interface OpenEngine {
  readonly run: <A, E>(program: Effect.Effect<A, E, EngineParts>) => Promise<A>;
  readonly close: () => Promise<void>;
}

export const openEngine = (folder: string): OpenEngine => {
  const runtime = ManagedRuntime.make(engineLayer(join(folder, "heddle.db")));
  return { run: (program) => runtime.runPromise(program), close: () => runtime.dispose() };
};

/** Does `count` things with at most `width` under way, and gives how many were done in a second. */
export const rate = <E, R>(
  count: number,
  width: number,
  one: (index: number) => Effect.Effect<unknown, E, R>,
) =>
  Effect.gen(function* () {
    let next = 0;
    const worker = Effect.gen(function* () {
      while (next < count) yield* one(next++);
    });
    const start = performance.now();
    yield* Effect.all(
      Array.from({ length: width }, () => worker),
      { concurrency: "unbounded", discard: true },
    );
    return (count / (performance.now() - start)) * 1000;
  });

/** How long each of `count` things takes, one after the other, in milliseconds. */
export const latencies = <E, R>(count: number, one: (index: number) => Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const times: Array<number> = [];
    for (let index = 0; index < count; index += 1) {
      const start = performance.now();
      yield* one(index);
      times.push(performance.now() - start);
    }
    return times;
  });
