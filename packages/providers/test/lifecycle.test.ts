/** How an agent's process starts and ends, and what becomes of everything that it started. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { agentEnvironment } from "../src/shared/AgentProcess.ts";
import { endProcessesMarked } from "../src/shared/ProcessTree.ts";
import { Providers } from "../src/shared/Provider.ts";
import { builtInAgents } from "../src/shared/AgentTable.ts";
import { layer } from "../src/shared/ProviderRegistry.ts";
import {
  isRunning,
  nodeAgent,
  playing,
  prompt,
  script,
  start,
  startOnly,
  until,
  workspace,
} from "./support.ts";

const onLinux = process.platform === "linux";

/** Starts a process that is nobody's child and in nobody's session, as a tool of an agent may, and prints its pid. */
const orphan = `"${process.execPath}" -e "const c = require('child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' }); c.unref(); require('fs').writeFileSync('orphan', String(c.pid))"`;

/** An agent in a line: it answers what opens a session, and at a prompt does this. */
const tinyAgent = (atPrompt: string, atStart = "") =>
  nodeAgent(
    "-e",
    `${atStart};
    process.stdin.on("data", (data) => {
      for (const line of String(data).trim().split("\\n")) {
        const { id, method } = JSON.parse(line);
        if (method === "session/prompt") { ${atPrompt} }
        const result = method === "initialize" ? { protocolVersion: 1 } : { sessionId: "s" };
        console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
      }
    });`,
  );

describe("an agent that cannot be started", () => {
  it.live("is unknown: the error says how to see those that there are, and how to add one", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(startOnly({ model: { provider: "nobody" } }));
      assert.deepInclude(error, { provider: "nobody", operation: "start" });
      assert.match(
        error.message,
        /no agent "nobody"\. "heddle agents list --all".*"agents" in settings\.json/,
      );
    }).pipe(Effect.scoped),
  );

  it.live("has a command that is not there", () =>
    Effect.gen(function* () {
      const missing = { ...nodeAgent(), command: "no-such-command-anywhere" };
      const error = yield* Effect.flip(startOnly({ model: { provider: "x" }, agents: { x: missing } }));
      assert.match(error.message, /Command not found: no-such-command-anywhere\..*PATH.*settings\.json/);
      const known = { ...missing, install: "npm install --global it" };
      const advised = yield* Effect.flip(startOnly({ model: { provider: "x" }, agents: { x: known } }));
      assert.match(advised.message, /Command not found.*Install it: npm install --global it$/);
    }).pipe(Effect.scoped),
  );

  it.live("is to work in a folder that is not there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(startOnly({ cwd: "/nowhere/at/all" }));
      assert.match(error.message, /folder \/nowhere\/at\/all is not there/);
    }).pipe(Effect.scoped),
  );

  it.live("ends before it is ready: the error has its last words", () =>
    Effect.gen(function* () {
      const dying = nodeAgent("-e", "console.error('no licence'); process.exit(4)");
      const error = yield* Effect.flip(startOnly({ model: { provider: "x" }, agents: { x: dying } }));
      assert.match(error.message, /x ended before it was ready \(exit code 4\)/);
      assert.strictEqual(error.detail, "no licence");
    }).pipe(Effect.scoped),
  );

  it.live("never answers: it is stopped at the deadline", () =>
    Effect.gen(function* () {
      const pidFile = join(yield* workspace, "pid");
      const silent = nodeAgent(
        "-e",
        "require('fs').writeFileSync(process.argv[1], String(process.pid)); setInterval(() => {}, 1000)",
        pidFile,
      );
      const error = yield* Effect.flip(
        startOnly({
          model: { provider: "x" },
          agents: { x: silent },
          deadlines: { handshake: "400 millis", closing: "100 millis" },
        }),
      );
      assert.match(error.message, /x did not answer in time, and was stopped/);
      assert.isTrue(!existsSync(pidFile) || !isRunning(Number(readFileSync(pidFile, "utf8"))));
    }).pipe(Effect.scoped),
  );

  it.live("closes its output and lives on: it is stopped, too", () =>
    Effect.gen(function* () {
      const mute = nodeAgent("-e", "require('fs').closeSync(1); setInterval(() => {}, 1000)");
      const error = yield* Effect.flip(
        startOnly({ model: { provider: "x" }, agents: { x: mute }, deadlines: { closing: "100 millis" } }),
      );
      assert.match(error.message, /x ended before it was ready \(SIGTERM\)/);
    }).pipe(Effect.scoped),
  );

  it.live("wants a login: the error says how", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        script.hears("initialize", 0),
        script.answers(0, {
          protocolVersion: 1,
          authMethods: [{ id: "key", name: "API key", description: "from the console" }],
        }),
        script.hears("session/new", 1),
        script.refuses(1, -32000, "Authentication required"),
      ]);
      const error = yield* Effect.flip(startOnly(agent));
      assert.match(error.message, /player wants a login.*API key \(from the console\)/);
      const player = { ...agent.agents.player, login: "player login" };
      const advised = yield* Effect.flip(startOnly({ ...agent, agents: { player } }));
      assert.match(advised.message, /as the user that runs Heddle: player login\..*API key/);
    }).pipe(Effect.scoped),
  );

  it.live("speaks another version of the protocol", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        script.hears("initialize", 0),
        script.answers(0, { protocolVersion: 2 }),
      ]);
      const error = yield* Effect.flip(startOnly(agent));
      assert.match(error.message, /player speaks version 2 of the protocol/);
    }).pipe(Effect.scoped),
  );

  it.live("takes the place of one built in when it has its name", () =>
    Effect.gen(function* () {
      const { names } = yield* Providers;
      assert.deepStrictEqual(names, [...Object.keys(builtInAgents), "other"]);
    }).pipe(Effect.provide(layer({ agents: { other: nodeAgent(), demo: nodeAgent() } }))),
  );
});

describe("an agent's environment", () => {
  it("is the server's without what is Heddle's own, then the launch's, then the marks", () => {
    const server = {
      PATH: "/bin",
      HEDDLE_TOKEN: "secret",
      HEDDLE_AGENT_MARK: "outer",
      HEDDLER: "kept",
      KEY: "server",
    };
    assert.deepStrictEqual(agentEnvironment(server, { KEY: "launch", HEDDLE_X: "meant" }, "mark"), {
      PATH: "/bin",
      HEDDLER: "kept",
      KEY: "launch",
      HEDDLE_X: "meant",
      HEDDLE_AGENT: "1",
      HEDDLE_AGENT_MARK: "mark",
    });
  });

  it.live("is what its tools find", () =>
    Effect.gen(function* () {
      const { session, seen, turn } = yield* start();
      yield* turn('[[shell: echo "$HEDDLE_AGENT $HEDDLE_AGENT_MARK"]]');
      assert.deepNestedInclude(seen.all("tool.updated").at(-1), {
        "payload.output.output": `1 ${session.processMark}\n`,
      });
    }).pipe(Effect.scoped),
  );
});

describe("the end of a session", () => {
  it.live("comes when its scope closes: the process ends, and the events with it", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* start();
          yield* started.turn("[[say: hello]]");
          return started;
        }),
      );
      const events = yield* seen.ended;
      assert.deepInclude(events.at(-1), { type: "session.exited", exitCode: 0, signal: null });
      assert.isFalse(isRunning(session.pid));
      for (const error of yield* Effect.all([
        Effect.flip(prompt(session, "more")),
        Effect.flip(session.respondApproval("x", "accept")),
        Effect.flip(session.setRuntimeMode("full-access")),
      ])) {
        assert.match(error.message, /has ended/);
      }
      yield* session.interrupt;
    }),
  );

  it.live("interrupts the turn that runs", () =>
    Effect.gen(function* () {
      const { seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* start({ runtimeMode: "approval-required" });
          yield* prompt(started.session, "[[write: a | b]]");
          yield* started.seen.nextOf("approval.requested");
          return started;
        }),
      );
      yield* seen.ended;
      assert.lengthOf(seen.all("request.withdrawn"), 1);
      assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
    }),
  );

  it.live("does not wait for anyone to read the events", () =>
    Effect.gen(function* () {
      const { session } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* startOnly();
          yield* prompt(started.session, "[[lorem: 100000]]");
          return started;
        }),
      );
      assert.isFalse(isRunning(session.pid));
    }),
  );

  it.live("is forced on an agent that heeds neither a closed input nor SIGTERM", () =>
    Effect.gen(function* () {
      const stubborn = tinyAgent("", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)");
      const { session, seen } = yield* Effect.scoped(
        start({
          model: { provider: "x" },
          agents: { x: stubborn },
          deadlines: { closing: "100 millis" },
        }),
      );
      yield* seen.ended;
      assert.deepInclude(seen.all("session.exited")[0], { signal: "SIGKILL" });
      assert.isFalse(isRunning(session.pid));
    }),
  );

  it.live("takes along what its tools run, also in sessions of their own", () =>
    Effect.gen(function* () {
      const folder = yield* workspace;
      const pidFile = join(folder, "pid");
      const orphanFile = join(folder, "orphan");
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { session } = yield* start({ cwd: folder });
          yield* prompt(session, `[[shell: ${orphan}; echo $$ > pid.new; mv pid.new pid; sleep 1000]]`);
          yield* until(() => existsSync(pidFile));
        }),
      );
      assert.isFalse(isRunning(Number(readFileSync(pidFile, "utf8"))));
      if (onLinux) assert.isFalse(isRunning(Number(readFileSync(orphanFile, "utf8"))));
    }).pipe(Effect.scoped),
  );

  it.live.skipIf(!onLinux)("takes them along when the agent crashes", () =>
    Effect.gen(function* () {
      const { session, seen, cwd } = yield* start();
      yield* prompt(session, `[[shell: ${orphan}]] [[crash]]`);
      yield* seen.ended;
      assert.deepInclude(seen.all("session.exited")[0], { exitCode: 1 });
      assert.isFalse(isRunning(Number(readFileSync(join(cwd, "orphan"), "utf8"))));
    }).pipe(Effect.scoped),
  );

  it.live.skipIf(!onLinux)("does not wait for those that hold the agent's output open", () =>
    Effect.gen(function* () {
      const spawned =
        "require('child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' })";
      const agent = tinyAgent(`console.error(String(${spawned}.pid)); process.exit(3)`);
      const { session, seen } = yield* start({ model: { provider: "x" }, agents: { x: agent } });
      yield* prompt(session, "go");
      yield* seen.ended;
      const exit = seen.all("session.exited")[0];
      assert.strictEqual(exit?.exitCode, 3);
      assert.isFalse(isRunning(Number(exit?.detail)));
    }).pipe(Effect.scoped),
  );

  it.live.skipIf(!onLinux)("can be brought about later, by the mark that the session had", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start();
      assert.strictEqual(yield* endProcessesMarked("a mark of nobody"), 0);
      assert.strictEqual(yield* endProcessesMarked(session.processMark), 1);
      yield* seen.ended;
      assert.deepInclude(seen.all("session.exited")[0], { signal: "SIGKILL" });
    }).pipe(Effect.scoped),
  );

  it.live("tells the end of what the agent printed as errors, and no more of it", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        { dir: "stderr", msg: `${"x".repeat(200_000)}\nthe last words` },
        { dir: "exit", msg: { code: null, signal: "SIGKILL" } },
      ]);
      const { seen } = yield* start(agent);
      yield* seen.ended;
      const detail = seen.all("session.exited")[0]?.detail ?? "";
      assert.match(detail, /the last words$/);
      assert.strictEqual(detail.length, 4096);
    }).pipe(Effect.scoped),
  );
});
