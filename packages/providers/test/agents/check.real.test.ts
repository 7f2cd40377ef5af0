/** The checks of real agents: logged out, and with what the model stub wants. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import type { AgentCheck } from "@heddle/contracts/AgentRpc";
import { Effect, Stream } from "effect";
import { AgentCatalog } from "../../src/shared/AgentCatalog.ts";
import { builtInAgents } from "../../src/shared/AgentTable.ts";
import { codexBinary, codexHome } from "../codex/real.ts";
import { workspace } from "../support.ts";
import { agentsFolder } from "./stubModel.ts";

const modules = join(agentsFolder ?? "", "node_modules");
const claudeBinary = globSync(join(modules, "@anthropic-ai/claude-agent-sdk-*/claude"))[0];
const adapter = (name: string): string => join(modules, ".bin", name);

const check = Effect.fnUntraced(function* (name: string, command: string, env: Record<string, string>) {
  const launch = builtInAgents[name];
  assert.isDefined(launch);
  const agents = { [name]: { ...launch, command, env } };
  const [result] = yield* Effect.flatMap(AgentCatalog, (catalog) =>
    Stream.runCollect(catalog.check([name])),
  ).pipe(Effect.provide(AgentCatalog.layer({ agents, deadlines: { handshake: "50 seconds" } })));
  assert.isDefined(result);
  assert.deepEqual(result.problems, []);
  assert.match(result.version ?? "", /^\d+\.\d+\.\d+/);
  return result satisfies AgentCheck;
});

/** No account, and nothing that is said to anyone. */
const quiet = (home: string) => ({
  HOME: home,
  ANTHROPIC_API_KEY: "",
  ANTHROPIC_AUTH_TOKEN: "",
  CLAUDE_CODE_OAUTH_TOKEN: "",
  OPENAI_API_KEY: "",
  CODEX_HOME: home,
  CLAUDE_CONFIG_DIR: home,
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_TELEMETRY: "1",
  DISABLE_ERROR_REPORTING: "1",
  DISABLE_AUTOUPDATER: "1",
});
const claudeKey = { ANTHROPIC_API_KEY: "sk-ant-stub", ANTHROPIC_BASE_URL: "http://127.0.0.1:9" };

/** Only Linux tells the environment of a process. */
const processesOf = (home: string): string =>
  (process.platform === "linux" ? readdirSync("/proc") : [])
    .filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(`HOME=${home}\0`))
    .map((pid) => spawnSync("ps", ["-o", "args=", "-p", pid], { encoding: "utf8" }).stdout)
    .join("");
const environmentOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    // Another's, or gone meanwhile.
    return "";
  }
};

const TIMEOUT = 120_000;

const installed = agentsFolder !== undefined;

describe.skipIf(!installed || codexBinary === undefined)("the check of the real codex", () => {
  it.live.each([
    ["codex", codexBinary ?? ""],
    ["codex-acp", adapter("codex-acp")],
  ] as const)(
    "finds it logged out without an account, and says what to do: %s",
    ([name, command]) =>
      Effect.gen(function* () {
        const home = yield* workspace;
        const result = yield* check(name, command, quiet(home));
        assert.deepInclude(result, { usable: false, loggedIn: "out", account: null });
        assert.include(result.advice[0], "codex login");
        assert.deepEqual(result.capabilities, { steer: true, resume: true, fork: true });
        assert.equal(processesOf(home), "");
      }).pipe(Effect.scoped),
    TIMEOUT,
  );

  it.live.each([
    ["codex", codexBinary ?? ""],
    ["codex-acp", adapter("codex-acp")],
  ] as const)(
    "finds it usable with a model of its own, and leaves its settings as they are: %s",
    ([name, command]) =>
      Effect.gen(function* () {
        const home = yield* codexHome;
        const before = readFileSync(join(home, "config.toml"), "utf8");
        const result = yield* check(name, command, quiet(home));
        assert.deepInclude(result, { usable: true, loggedIn: "in", advice: [] });
        assert.equal(readFileSync(join(home, "config.toml"), "utf8"), before);
        assert.isFalse(existsSync(join(home, "sessions")));
        assert.equal(processesOf(home), "");
      }).pipe(Effect.scoped),
    TIMEOUT,
  );
});

describe.skipIf(!installed || claudeBinary === undefined)("the check of the real claude", () => {
  it.live.each([
    ["claude", claudeBinary ?? ""],
    ["claude-acp", adapter("claude-agent-acp")],
  ] as const)(
    "finds it logged out without an account, and usable with a key: %s",
    ([name, command]) =>
      Effect.gen(function* () {
        const home = yield* workspace;
        const result = yield* check(name, command, quiet(home));
        assert.deepInclude(result, { usable: false, loggedIn: "out", account: null });
        assert.include(result.advice[0], "claude auth login");
        assert.deepEqual(result.capabilities, { steer: true, resume: true, fork: true });
        const withKey = yield* check(name, command, { ...quiet(home), ...claudeKey });
        assert.deepInclude(withKey, { usable: true, loggedIn: "in", advice: [] });
        assert.match(withKey.account ?? "", /API key/);
        assert.equal(processesOf(home), "");
      }).pipe(Effect.scoped),
    TIMEOUT,
  );
});
