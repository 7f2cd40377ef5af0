import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect, Exit, Scope } from "effect";
import { acquireExclusiveLock } from "../src/ExclusiveLock.ts";

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "heddle-lock-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
);

/** Another process that holds the lock until it is killed. */
const holder = (path: string) =>
  Effect.callback<ReturnType<typeof spawn>>((resume) => {
    const code = `const { DatabaseSync } = require("node:sqlite");
      const database = new DatabaseSync(${JSON.stringify(path)});
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      console.log("held");
      setInterval(() => database.isOpen, 1000);`;
    const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.once("data", () => resume(Effect.succeed(child)));
  });

describe("the lock of a data directory", () => {
  it.effect("is held by one at a time, and given back with its scope", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "lock");
      const first = yield* Scope.make();
      yield* Scope.provide(acquireExclusiveLock(path), first);
      const refused = yield* Effect.flip(acquireExclusiveLock(path));
      assert.isTrue(refused.held);
      yield* Scope.close(first, Exit.void);
      yield* acquireExclusiveLock(path);
    }).pipe(Effect.scoped),
  );

  it.effect("is taken over from a process that was killed", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "lock");
      const child = yield* holder(path);
      assert.isTrue((yield* Effect.flip(acquireExclusiveLock(path))).held);
      yield* Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void));
        child.kill("SIGKILL");
      });
      yield* acquireExclusiveLock(path);
    }).pipe(Effect.scoped),
  );

  it.effect("says so where the file cannot be a lock", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(acquireExclusiveLock(join(yield* folder, "missing", "lock")));
      assert.isFalse(refused.held);
    }).pipe(Effect.scoped),
  );
});
