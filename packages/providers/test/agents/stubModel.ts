/** The model that the real agents talk to in these tests: it says what the prompt tells it to, on loopback alone. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";

const MODEL = fileURLToPath(new URL("stub-model.mjs", import.meta.url));

/** The port of a model that runs as long as the scope. Its directives stand at the head of `stub-model.mjs`. */
export const stubModelPort = Effect.acquireRelease(
  Effect.callback<{ port: number; stop: () => void }>((resume) => {
    const child = spawn(process.execPath, [MODEL, "0"], { stdio: ["ignore", "pipe", "inherit"] });
    createInterface({ input: child.stdout }).once("line", (line) => {
      const { port } = JSON.parse(line) as { port: number };
      resume(Effect.succeed({ port, stop: () => child.kill() }));
    });
  }),
  ({ stop }) => Effect.sync(stop),
).pipe(Effect.map(({ port }) => port));

/** The folder in whose node_modules the real agents are, which are too large to be installed with the tests. */
export const agentsFolder: string | undefined = process.env["HEDDLE_TEST_AGENTS"];
