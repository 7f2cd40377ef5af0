/**
 * The real codex, on a model that says what the prompt tells it to: no account, and no network beyond loopback. It is
 * large, so it is not among what the tests install: HEDDLE_TEST_AGENTS names a folder with `@openai/codex` in its
 * node_modules.
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { start, type StartOptions, workspace } from "../support.ts";

const agents = process.env["HEDDLE_TEST_AGENTS"];

/** The binary itself and not its launcher, so that its pid is the one that is killed; `undefined` where there is none. */
export const codexBinary: string | undefined =
  agents === undefined
    ? undefined
    : globSync(join(agents, "node_modules/@openai/codex-*/vendor/*/bin/codex*")).toSorted()[0];

const besides = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The port of a model that runs as long as the scope. */
const modelPort = Effect.acquireRelease(
  Effect.callback<{ port: number; stop: () => void }>((resume) => {
    const child = spawn(process.execPath, [besides("stub-model.mjs"), "0"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout }).once("line", (line) => {
      const { port } = JSON.parse(line) as { port: number };
      resume(Effect.succeed({ port, stop: () => child.kill() }));
    });
  }),
  ({ stop }) => Effect.sync(stop),
);

/** Codex writes into its home what it remembers, and whom it trusts. */
export const codexHome = Effect.gen(function* () {
  const home = yield* workspace;
  const { port } = yield* modelPort;
  cpSync(besides("home"), home, { recursive: true });
  const config = readFileSync(join(home, "config.toml"), "utf8");
  writeFileSync(
    join(home, "config.toml"),
    config.replaceAll("@CODEX_HOME@", home).replaceAll("@PORT@", String(port)),
  );
  return home;
});

export interface RealOptions extends StartOptions {
  readonly home?: string;
}

export const startReal = Effect.fnUntraced(function* ({ home, ...options }: RealOptions = {}) {
  const CODEX_HOME = home ?? (yield* codexHome);
  const env = { CODEX_HOME, HOME: CODEX_HOME, RUST_LOG: "error" };
  const codex = { protocol: "codex", command: codexBinary ?? "", args: ["app-server"], env } as const;
  const started = yield* start({ ...options, agents: { codex }, model: { provider: "codex" } });
  return { ...started, home: CODEX_HOME };
});

/** Whether a process with this command line is there. */
export const commandRuns = (command: string): boolean => {
  const { stdout } = spawnSync("ps", ["-A", "-o", "args="], { encoding: "utf8" });
  return stdout.split("\n").some((line) => line.trim() === command);
};
