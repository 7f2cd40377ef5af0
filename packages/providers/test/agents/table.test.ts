import { assert, describe, it } from "@effect/vitest";
import { ProviderName } from "@heddle/contracts/Model";
import { Schema } from "effect";
import { acp } from "../../src/acp/Adapter.ts";
import { claude } from "../../src/claude/Adapter.ts";
import { codex } from "../../src/codex/Adapter.ts";
import { adapters, agentTable, builtInAgents } from "../../src/shared/AgentTable.ts";
import { AgentLaunch } from "../../src/shared/Provider.ts";

const decode = Schema.decodeUnknownSync(AgentLaunch, { onExcessProperty: "error" });
const strict = Schema.decodeUnknownResult(AgentLaunch, { onExcessProperty: "error" });

describe("an agent of the table", () => {
  it.each(Object.entries(builtInAgents))("is well-formed: %s", (name, launch) => {
    assert.strictEqual(Schema.decodeUnknownSync(ProviderName)(name), name);
    assert.deepStrictEqual(decode(launch), launch);
    assert.isNotEmpty(launch.title ?? "");
    // A line each, for a person to copy.
    for (const line of [launch.title, launch.install, launch.login]) {
      assert.notMatch(line ?? "", /\n|^\s|\s$|\.$/);
    }
  });

  it("has a name of its own, whichever protocol it speaks", () => {
    const names = Object.values(adapters).flatMap(({ agents }) => Object.keys(agents));
    assert.deepStrictEqual(names, [...new Set(names)]);
    assert.includeMembers(names, ["demo", "codex", "claude", "codex-acp", "claude-acp", "gemini"]);
  });

  it("stands in the folder of its protocol", () => {
    for (const [protocol, { agents }] of Object.entries(adapters)) {
      for (const launch of Object.values(agents)) assert.strictEqual(launch.protocol, protocol);
    }
    assert.deepStrictEqual(adapters, { acp, claude, codex });
  });

  it("is its installed command: nothing is downloaded by starting it", () => {
    const launchers = new Set(["npx", "pnpx", "bunx", "uvx", "npm", "pnpm", "pipx", "docker", "sh", "bash"]);
    for (const { command } of Object.values(builtInAgents)) assert.isFalse(launchers.has(command), command);
  });

  it("gives its place to one of the settings that has its name", () => {
    const mine = decode({ command: "my-gemini", args: ["--acp"] });
    const table = agentTable({ gemini: mine });
    assert.strictEqual(table.size, Object.keys(builtInAgents).length);
    assert.deepStrictEqual(table.get("gemini"), { name: "gemini", launch: mine, source: "settings" });
  });

  it("has opencode ask, whatever starts it, unless its own variable says otherwise", () => {
    const own = (env: Record<string, string>): AgentLaunch => ({
      protocol: "acp",
      command: "/opt/bin/opencode",
      args: ["acp"],
      env,
    });
    const variable = (env: Record<string, string>) =>
      agentTable({ mine: own(env) }).get("mine")?.launch.env["OPENCODE_PERMISSION"];
    assert.deepStrictEqual(JSON.parse(variable({}) ?? ""), { edit: "ask", bash: "ask", webfetch: "ask" });
    assert.strictEqual(variable({ OPENCODE_PERMISSION: "{}" }), "{}");
  });

  it("lends what is known of its program to one of the settings that starts the same", () => {
    const launch = decode({ command: "/opt/bin/codex-acp", env: { NO_BROWSER: "1" }, title: "Mine" });
    const known = builtInAgents["codex-acp"];
    assert.isDefined(known);
    const { command } = launch;
    const lent: AgentLaunch = { ...known, command, env: { NO_BROWSER: "1" }, title: "Mine" };
    assert.deepStrictEqual(agentTable({ mine: launch }).get("mine")?.launch, lent);
  });
});

describe("an agent in the settings", () => {
  it("needs nothing but its command: it speaks ACP, without arguments and variables", () => {
    assert.deepStrictEqual(decode({ command: "my-agent" }), {
      protocol: "acp",
      command: "my-agent",
      args: [],
      env: {},
    });
  });

  it.each([
    ["no command", { args: [] }, "command"],
    ["a protocol that there is not", { command: "a", protocol: "smoke" }, "protocol"],
    ["a key that there is not", { command: "a", arguments: ["--acp"] }, "arguments"],
    ["a mode that there is not", { command: "a", modes: { yolo: "x" } }, "yolo"],
  ] as const)("is refused with %s, and the error names it", (_, input, named) => {
    const result = strict(input);
    assert.strictEqual(result._tag, "Failure");
    assert.include(String(result), named);
  });
});
