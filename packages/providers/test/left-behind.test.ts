import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { endProcessesMarked, endProcessesOf, OWNER_MARK, PROCESS_MARK } from "../src/shared/ProcessTree.ts";

/** A process that sleeps, with these variables; ended with the test. */
const sleeper = (env: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1000)"], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      return child;
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL")),
  );

const ended = (child: ChildProcess) =>
  Effect.promise(async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.signalCode;
  });

describe.skipIf(process.platform !== "linux")("what a crash left behind", () => {
  it.live("is found by its owner, and that of another owner is left alone", () =>
    Effect.gen(function* () {
      const owner = `test-${process.pid}`;
      const ours = yield* sleeper({ [OWNER_MARK]: owner });
      const others = yield* sleeper({ [OWNER_MARK]: `${owner}-other` });
      assert.strictEqual(yield* endProcessesOf(owner), 1);
      assert.strictEqual(yield* ended(ours), "SIGKILL");
      assert.isNull(others.signalCode);
    }).pipe(Effect.scoped),
  );

  it.live("is found by the mark of its session", () =>
    Effect.gen(function* () {
      const mark = `mark-${process.pid}`;
      const agent = yield* sleeper({ [PROCESS_MARK]: mark });
      assert.strictEqual(yield* endProcessesMarked(mark), 1);
      assert.strictEqual(yield* ended(agent), "SIGKILL");
    }).pipe(Effect.scoped),
  );

  it.live("is never the server that looks for it, which an agent's shell may have started", () =>
    Effect.promise(async () => {
      const owner = `self-${process.pid}`;
      const program = `
        import { Effect } from "effect";
        import { endProcessesOf } from ${JSON.stringify(new URL("../src/shared/ProcessTree.ts", import.meta.url).href)};
        console.log("ended " + (await Effect.runPromise(endProcessesOf(${JSON.stringify(owner)}))));`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        cwd: new URL("..", import.meta.url),
        env: { ...process.env, [OWNER_MARK]: owner },
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      const [code] = (await once(child, "close")) as [number | null];
      assert.deepStrictEqual([code, output], [0, "ended 0\n"]);
    }),
  );
});
