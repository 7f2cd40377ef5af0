import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { assert, describe, it, vi } from "@effect/vitest";
import type { AgentCheck } from "@heddle/contracts/AgentRpc";
import { Effect, Fiber, Stream } from "effect";
import { AgentCatalog } from "../../src/shared/AgentCatalog.ts";
import { commandPath } from "../../src/shared/CommandPath.ts";
import type { Deadlines } from "../../src/shared/Deadlines.ts";
import { OWNER_MARK } from "../../src/shared/ProcessTree.ts";
import type { AgentLaunch } from "../../src/shared/Provider.ts";
import { isRunning, type Line, nodeAgent, playing, script, until, workspace } from "../support.ts";

const SOON: Partial<Deadlines> = { handshake: "5 seconds", closing: "300 millis" };
const LATER: Partial<Deadlines> = { handshake: "10 seconds" };

const checkAll = (
  agents: Record<string, AgentLaunch>,
  names?: ReadonlyArray<string>,
  deadlines: Partial<Deadlines> = {},
) =>
  Effect.flatMap(AgentCatalog, ({ check }) => Stream.runCollect(check(names))).pipe(
    Effect.provide(AgentCatalog.layer({ agents, deadlines })),
  );

const checkOne = (launch: AgentLaunch, deadlines: Partial<Deadlines> = {}) =>
  Effect.map(checkAll({ one: launch }, ["one"], deadlines), ([check]): AgentCheck => {
    assert.isDefined(check);
    return check;
  });

const checkPlayed = Effect.fnUntraced(function* (...lines: ReadonlyArray<Line>) {
  const { agents } = yield* playing(lines);
  return yield* checkOne(agents.player, LATER);
});

/** An agent that writes its pid, and then does this. */
const withPid = Effect.fnUntraced(function* (body: string) {
  const folder = yield* workspace;
  const file = join(folder, "pid");
  const writes = `require("node:fs").writeFileSync(${JSON.stringify(file)}, String(process.pid)); ${body}`;
  return { launch: nodeAgent("-e", writes), file };
});

const runs = (file: string): boolean => isRunning(Number(readFileSync(file, "utf8")));

const FOREVER = "setInterval(() => {}, 1000);";

describe("the check of an agent", () => {
  it.live("that is there and asks for no login finds it usable: the demo agent", () =>
    Effect.gen(function* () {
      const [check] = yield* checkAll({}, ["demo"]);
      assert.deepInclude(check, {
        usable: true,
        version: "0.1.0",
        loggedIn: "unknown",
        capabilities: { steer: true, resume: false, fork: false },
        problems: [],
        advice: [],
      });
      assert.strictEqual(check?.agent.found, process.execPath);
    }),
  );

  it.live("whose command is not there says so, and how to install it", () =>
    Effect.gen(function* () {
      const missing = { ...nodeAgent(), command: "no-such-command-anywhere" };
      assert.deepInclude(yield* checkOne(missing), {
        usable: false,
        version: null,
        problems: [],
        advice: [
          'Install it, so that no-such-command-anywhere is on the PATH of the server, or name its path under "agents" in settings.json.',
        ],
      });
      const known = yield* checkOne({ ...missing, install: "npm install --global it" });
      assert.deepStrictEqual(known.advice, ["Install it: npm install --global it"]);
      const byPath = yield* checkOne({ ...missing, command: "/no/such/path" });
      assert.match(byPath.advice[0] ?? "", /Correct its path/);
    }),
  );

  it.live("that never answers ends at the deadline, with what it printed and without its process", () =>
    Effect.gen(function* () {
      const { launch, file } = yield* withPid(`console.error("waiting for the moon"); ${FOREVER}`);
      const check = yield* checkOne(launch, SOON);
      assert.isFalse(check.usable);
      assert.match(
        check.problems[0] ?? "",
        /did not answer initialize in time, and was ended\. It said:\nwaiting for the moon/,
      );
      assert.match(check.advice[0] ?? "", /in a terminal/);
      assert.isFalse(runs(file));
    }).pipe(Effect.scoped),
  );

  it.live("that prints no messages of the protocol is given up before the deadline", () =>
    Effect.gen(function* () {
      const flood = nodeAgent("-e", `setInterval(() => console.log("la\\n".repeat(100)), 1); ${FOREVER}`);
      const check = yield* checkOne(flood, { handshake: "60 seconds", closing: "300 millis" });
      assert.match(check.problems[0] ?? "", /no message of its protocol\. It said:\n…a\n(la\n)+la$/);
      const garbage = yield* checkOne(nodeAgent("-e", `console.log("usage: agent [-h]\\n{}\\n[]")`), LATER);
      assert.match(garbage.problems[0] ?? "", /ended \(exit code 0\) before it answered.*usage: agent/s);
    }),
  );

  it.live("that ends at once says with what, and what it printed", () =>
    Effect.gen(function* () {
      const ends = nodeAgent("-e", `console.error("no configuration"); process.exit(3)`);
      const check = yield* checkOne(ends, LATER);
      assert.deepStrictEqual(check.problems, [
        "It ended (exit code 3) before it answered. It said:\nno configuration",
      ]);
    }),
  );

  it.live("that is interrupted leaves no process behind", () =>
    Effect.gen(function* () {
      const { launch, file } = yield* withPid(FOREVER);
      const checking = yield* Effect.forkChild(checkOne(launch));
      yield* until(() => existsSync(file) && readFileSync(file, "utf8") !== "");
      yield* Fiber.interrupt(checking);
      assert.isFalse(runs(file));
    }).pipe(Effect.scoped),
  );

  it.live("bears the mark of its server, by which the next run finds what a crash left of it", () =>
    Effect.gen(function* () {
      const file = join(yield* workspace, "owner");
      const writes = `require("node:fs").writeFileSync(${JSON.stringify(file)}, process.env.${OWNER_MARK})`;
      yield* Effect.flatMap(AgentCatalog, ({ check }) => Stream.runDrain(check(["one"]))).pipe(
        Effect.provide(AgentCatalog.layer({ agents: { one: nodeAgent("-e", writes) }, owner: "me" })),
      );
      assert.strictEqual(readFileSync(file, "utf8"), "me");
    }).pipe(Effect.scoped),
  );

  it.live("of those that hang does not hold up the others: each is told when it is known", () =>
    Effect.gen(function* () {
      const seen: Array<string> = [];
      const catalog = AgentCatalog.layer({
        agents: { hangs: nodeAgent("-e", FOREVER), ends: nodeAgent("-e", "") },
        deadlines: { handshake: "10 seconds", closing: "300 millis" },
      });
      yield* Effect.flatMap(AgentCatalog, ({ check }) =>
        Stream.runForEach(check(["hangs", "ends"]), ({ agent }) => Effect.sync(() => seen.push(agent.name))),
      ).pipe(Effect.provide(catalog));
      assert.deepStrictEqual(seen, ["ends", "hangs"]);
    }),
  );

  it.live("that is named by nobody fails, and says how to see those that there are", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(checkAll({}, ["demo", "nobody"]));
      assert.deepInclude(error, { _tag: "NotFound", kind: "agent", id: "nobody" });
      assert.include(error.message, "heddle agents list --all");
    }),
  );

  it.live("without names is of those of the settings and of those that are found", () =>
    Effect.gen(function* () {
      // Not those of the machine that runs the tests.
      vi.stubEnv("PATH", yield* workspace);
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllEnvs()));
      const checks = yield* checkAll({ mine: { ...nodeAgent(), command: "/no/such/path" } });
      assert.sameMembers(
        checks.map(({ agent }) => agent.name),
        ["demo", "mine"],
      );
    }).pipe(Effect.scoped),
  );
});

describe("the check of an ACP agent", () => {
  it.live("is told its version and what it can by the answer to initialize", () =>
    Effect.gen(function* () {
      const check = yield* checkPlayed(
        ...script.opens({
          agentInfo: { name: "played", version: "7.8.9" },
          agentCapabilities: { sessionCapabilities: { resume: {}, fork: {} } },
        }),
      );
      assert.deepInclude(check, {
        usable: true,
        version: "7.8.9",
        loggedIn: "unknown",
        capabilities: { steer: false, resume: true, fork: true },
      });
    }).pipe(Effect.scoped),
  );

  it.live("that refuses a session for want of a login is not logged in, and is told how", () =>
    Effect.gen(function* () {
      const { agents } = yield* playing([
        script.hears("initialize", 0),
        script.answers(0, { protocolVersion: 1, authMethods: [{ id: "key", name: "Key" }] }),
        script.hears("session/new", 1),
        script.refuses(1, -32000, "Authentication required"),
      ]);
      const check = yield* checkOne({ ...agents.player, login: "it login" });
      assert.deepInclude(check, { usable: false, loggedIn: "out", problems: [] });
      assert.match(check.advice[0] ?? "", /as the user that runs Heddle: it login\./);
    }).pipe(Effect.scoped),
  );

  it.live("that knows ways to log in, and opens a session, is logged in; the session is deleted", () =>
    Effect.gen(function* () {
      const folder = yield* workspace;
      const deleted = join(folder, "deleted");
      const check = yield* checkPlayed(
        ...script.opens({
          authMethods: [{ id: "key", name: "Key" }],
          agentCapabilities: { sessionCapabilities: { close: {}, delete: {} } },
        }),
        script.hears("session/close", 2),
        script.answers(2, {}),
        script.hears("session/delete", 3),
        { dir: "touch", msg: deleted },
        script.answers(3, {}),
      );
      assert.deepInclude(check, { usable: true, loggedIn: "in" });
      assert.isTrue(existsSync(deleted));
    }).pipe(Effect.scoped),
  );

  it.live("that tells as whom it is logged in is asked for no session", () =>
    Effect.gen(function* () {
      const opens = [
        script.hears("initialize", 0),
        script.answers(0, { protocolVersion: 1, agentCapabilities: { _meta: { authStatus: {} } } }),
      ];
      const says = (kind: string, label: string) =>
        script.notifies("_auth/status_update", { authStatus: { kind, label } });
      const loggedIn = yield* checkPlayed(...opens, says("api_key", "Anthropic API key"), script.exits);
      assert.deepInclude(loggedIn, { usable: true, loggedIn: "in", account: "Anthropic API key" });
      const loggedOut = yield* checkPlayed(...opens, says("none", "Not logged in"), script.exits);
      assert.deepInclude(loggedOut, { usable: false, loggedIn: "out", account: null });
    }).pipe(Effect.scoped),
  );

  it.live("that speaks another version of the protocol, or refuses, says so", () =>
    Effect.gen(function* () {
      const version = yield* checkPlayed(
        script.hears("initialize", 0),
        script.answers(0, { protocolVersion: 2 }),
        script.exits,
      );
      assert.match(version.problems[0] ?? "", /speaks version 2 of the protocol/);
      const refusal = yield* checkPlayed(
        script.hears("initialize", 0),
        script.refuses(0, -32603, "the moon is down"),
        script.exits,
      );
      assert.deepStrictEqual(refusal.problems, ["It refused initialize: the moon is down"]);
    }).pipe(Effect.scoped),
  );
});

/** An app-server that answers this to each method. */
const codexThat = (answers: Readonly<Record<string, object>>): AgentLaunch => ({
  ...nodeAgent(
    "-e",
    `require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line);
      const result = ${JSON.stringify(answers)}[method];
      if (id !== undefined) console.log(JSON.stringify({ id, result }));
    });`,
  ),
  protocol: "codex",
});
const initialize = { userAgent: "heddle/1.2.3 (Somewhere)" };
const ofModel = (model_providers: object) => ({ config: { model_provider: "own", model_providers } });

describe("the check of codex", () => {
  it.live.each([
    ["by an account", { type: "chatgpt", email: "a@b.c", planType: "plus" }, "ChatGPT (plus)"],
    ["by a key", { type: "apiKey" }, "API key"],
  ] as const)("says as what it is logged in, without names: %s", ([, account, said]) =>
    Effect.gen(function* () {
      const launch = codexThat({ initialize, "account/read": { account, requiresOpenaiAuth: true } });
      const check = yield* checkOne(launch, LATER);
      assert.deepInclude(check, { usable: true, version: "1.2.3", loggedIn: "in", account: said });
    }),
  );

  it.live("whose model wants a key that is not set names the variable", () =>
    Effect.gen(function* () {
      const codex = codexThat({
        initialize,
        "account/read": { account: null, requiresOpenaiAuth: false },
        "config/read": ofModel({ own: { env_key: "NO_SUCH_KEY" } }),
      });
      const without = yield* checkOne(codex, LATER);
      assert.deepInclude(without, { usable: false, loggedIn: "out" });
      assert.match(without.problems[0] ?? "", /model provider own wants a key in NO_SUCH_KEY/);
      const set = { ...codex, env: { NO_SUCH_KEY: "x" } };
      const withKey = yield* checkOne(set, LATER);
      assert.deepInclude(withKey, { usable: true, loggedIn: "in", account: "model provider own" });
    }),
  );

  it.live.each(["initialize", "account/read", "config/read"] as const)(
    "that answers with what Heddle does not understand says so, and is not taken for logged in: %s",
    (method) =>
      Effect.gen(function* () {
        const answers = {
          initialize,
          "account/read": { account: null, requiresOpenaiAuth: false },
          "config/read": ofModel({}),
        };
        const check = yield* checkOne(codexThat({ ...answers, [method]: { other: true } }), LATER);
        assert.deepInclude(check, {
          usable: false,
          loggedIn: "unknown",
          problems: [`It answered ${method} with something that Heddle does not understand.`],
        });
      }),
  );

  it.live("starts no thread, since codex would write down that it trusts the folder", () =>
    Effect.gen(function* () {
      const folder = yield* workspace;
      const heard = join(folder, "heard");
      const [, body = ""] = codexThat({ initialize, "account/read": {}, "config/read": {} }).args;
      const listens = body.replace(
        "const result",
        `require("node:fs").appendFileSync("${heard}", method + " "); const result`,
      );
      yield* checkOne({ ...nodeAgent("-e", listens), protocol: "codex" }, LATER);
      assert.strictEqual(readFileSync(heard, "utf8"), "initialize initialized account/read ");
    }).pipe(Effect.scoped),
  );
});

describe("the check of claude", () => {
  /** A command that says this to its arguments. */
  const claudeThat = (status: string): AgentLaunch => ({
    ...nodeAgent(
      "-e",
      `const [command] = process.argv.slice(1);
      console.log(command === "--version" ? "2.1.0 (Claude Code)" : ${JSON.stringify(status)});`,
      "--",
    ),
    protocol: "claude",
  });

  it.live.each([
    ["in", `{"loggedIn":true,"authMethod":"claude.ai","subscriptionType":"max"}`, "Claude (max)"],
    ["in", `{"loggedIn":true,"authMethod":"api_key","apiProvider":"bedrock"}`, "API key, by bedrock"],
    ["out", `{"loggedIn":false,"authMethod":"none"}`, null],
    ["unknown", "error: unknown command 'auth'", null],
  ] as const)("says whether it is logged in, and as what: %s", ([loggedIn, status, account]) =>
    Effect.gen(function* () {
      const check = yield* checkOne(claudeThat(status), LATER);
      const usable = loggedIn !== "out";
      assert.deepInclude(check, { version: "2.1.0", usable, loggedIn, account, problems: [] });
    }),
  );
});

describe("the check of codex and of claude", () => {
  it.live.each(["codex", "claude"] as const)("survives a %s that hangs, ends, or says nonsense", (protocol) =>
    Effect.gen(function* () {
      const agent = (body: string) => ({ ...nodeAgent("-e", body, "--"), protocol });
      const { launch, file } = yield* withPid(FOREVER);
      const hangs = yield* checkOne({ ...launch, args: [...launch.args, "--"], protocol }, SOON);
      assert.isFalse(hangs.usable);
      assert.isNotEmpty(hangs.problems);
      assert.isFalse(runs(file));
      const ends = yield* checkOne(agent(`console.error("broken"); process.exit(4)`), LATER);
      assert.match(ends.problems[0] ?? "", /exit code 4.*broken/s);
      const nonsense = yield* checkOne(agent(`console.log("la la la")`), LATER);
      assert.isFalse(nonsense.usable);
    }).pipe(Effect.scoped),
  );
});

describe("a command", () => {
  it.live(
    "is found as starting it would find it: first on the PATH, executable, a file, no link to nowhere",
    () =>
      Effect.gen(function* () {
        const folder = yield* workspace;
        const [first, second] = [join(folder, "first"), join(folder, "second")];
        for (const place of [first, second]) mkdirSync(place);
        mkdirSync(join(first, "tool"));
        writeFileSync(join(second, "tool"), "#!/bin/sh\n");
        const env = { PATH: [first, second, "."].join(delimiter) };
        assert.isUndefined(commandPath("tool", env));
        chmodSync(join(second, "tool"), 0o755);
        assert.strictEqual(commandPath("tool", env), join(second, "tool"));
        assert.strictEqual(commandPath(join(second, "tool"), {}), join(second, "tool"));
        assert.isUndefined(commandPath("second/tool", env));
        assert.isUndefined(commandPath("tool", {}));
      }).pipe(Effect.scoped),
  );
});
