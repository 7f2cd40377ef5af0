/**
 * The real codex, on a model that says what the prompt tells it to: no account, and no network beyond loopback. It is
 * large, so it is not among what the tests install: HEDDLE_TEST_AGENTS names a folder with `@openai/codex` in its
 * node_modules.
 */
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { agentsFolder, stubModelPort } from "../agents/stubModel.ts";
import { start, type StartOptions, workspace } from "../support.ts";

/** The binary itself and not its launcher, so that its pid is the one that is killed; `undefined` where there is none. */
export const codexBinary: string | undefined =
  agentsFolder === undefined
    ? undefined
    : globSync(join(agentsFolder, "node_modules/@openai/codex-*/vendor/*/bin/codex*")).toSorted()[0];

const besides = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Codex writes into its home what it remembers, and whom it trusts. */
export const codexHome = Effect.gen(function* () {
  const home = yield* workspace;
  const port = yield* stubModelPort;
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
