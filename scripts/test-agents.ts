/**
 * `pnpm test:agents [FILE …] [vitest's options]`: the tests that need real agents (`real.test.ts` and `*.real.test.ts`).
 * They are large, so they are installed apart from everything else, in `test-agents`, and only by this command. A folder
 * that HEDDLE_TEST_AGENTS names already is taken as it is.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, "test-agents");
const INSTALLED = join(FOLDER, "node_modules", ".installed-from");
const REAL_TESTS = "real.test.ts";

const run = (command: string, args: ReadonlyArray<string>, cwd: string, env: NodeJS.ProcessEnv): void => {
  const { status, error } = spawnSync(command, args, {
    cwd,
    env,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
};

/** What is installed follows from these, and from the machine. */
const wanted = (): string => {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} `);
  for (const name of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(readFileSync(join(FOLDER, name)));
  return hash.digest("hex");
};

const install = (): void => {
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, "utf8") === wanted()) return;
  process.stdout.write("Installing the real agents into test-agents (about 1 GB)\n");
  run("npx", ["-y", "pnpm@12", "install", "--frozen-lockfile"], FOLDER, process.env);
  writeFileSync(INSTALLED, wanted());
};

const given = process.env["HEDDLE_TEST_AGENTS"];
if (given === undefined) install();
const args = process.argv.slice(2);
const filters = args.some((arg) => arg.endsWith(".ts") || arg.includes("/")) ? [] : [REAL_TESTS];
run(
  process.execPath,
  [
    join(ROOT, "node_modules/vitest/vitest.mjs"),
    "run",
    "--config",
    "vitest.workspace.ts",
    ...filters,
    ...args,
  ],
  ROOT,
  { ...process.env, HEDDLE_TEST_AGENTS: given ?? FOLDER },
);
