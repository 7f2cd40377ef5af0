/** How sessions begin and end, whatever claude does: scripted, through the adapter and the SDK as they are. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { isRunning, prompt, start, startOnly, until } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import type { Line } from "./recording.ts";
import { echoOf, fromClaude, isEcho, playing, script, started } from "./support.ts";

const { answers, asks, begins, echoes, ends, exits, hears, hearsPrompt, opens, refuses, says } = script;

describe("a session of claude", () => {
  it.live("begins before the first prompt, under an id of its own, with what claude can", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(yield* playing([...started, exits]));
      const first = yield* seen.nextOf("session.started");
      assert.deepInclude(first, { capabilities: { steer: true, resume: true, fork: true }, resumed: false });
      assert.deepStrictEqual(session.resumeCursor, { sessionId: first.providerSessionId });
    }).pipe(Effect.scoped),
  );

  it.live.each([{ fork: true as const }, {}])(
    "goes on in a new session where claude cannot go on with the earlier one, and says so",
    (how) =>
      Effect.gen(function* () {
        const resume = { sessionId: randomUUID() };
        const agent = yield* playing([...started, exits], { noSuchSession: true });
        const { session, seen } = yield* start({ ...agent, ...how, resume });
        assert.isFalse((yield* seen.nextOf("session.started")).resumed);
        assert.notDeepEqual(session.resumeCursor, resume);
        assert.match((yield* seen.next(fromClaude)).summary, /could not go on .*: No conversation found/);
      }).pipe(Effect.scoped),
  );

  it.live("goes on in the session that was asked for, or in a copy of it under another id", () =>
    Effect.gen(function* () {
      const resume = { sessionId: randomUUID() };
      const agent = yield* playing([...started, exits]);
      const same = yield* start({ ...agent, resume });
      assert.isTrue((yield* same.seen.nextOf("session.started")).resumed);
      assert.deepStrictEqual(same.session.resumeCursor, resume);
      const copy = yield* start({ ...agent, resume, fork: true });
      assert.isTrue((yield* copy.seen.nextOf("session.started")).resumed);
      assert.notDeepEqual(copy.session.resumeCursor, resume);
    }).pipe(Effect.scoped),
  );

  it.live("that does not begin says why, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const failure = {
        subtype: "error_during_execution",
        is_error: true,
        errors: ["the settings are broken"],
      };
      const broken = yield* playing([
        hears("initialize"),
        ends(failure),
        { dir: "exit", msg: { code: null, signal: "SIGTERM" } },
      ]);
      const why = yield* Effect.flip(startOnly(broken));
      assert.strictEqual(why.message, "claude would not start: the settings are broken");

      const refusing = yield* playing([
        hears("initialize"),
        refuses("initialize", "no such thing"),
        hears("what nobody says"),
      ]);
      const refused = yield* Effect.flip(startOnly({ ...refusing, deadlines: { closing: "200 millis" } }));
      assert.match(refused.message, /claude would not start: .*no such thing/);

      const dying = yield* playing([
        hears("initialize"),
        refuses("initialize", "no such thing"),
        { dir: "exit", msg: { code: null, signal: "SIGTERM" } },
      ]);
      const dead = yield* Effect.flip(startOnly(dying));
      assert.match(dead.message, /ended before it was ready \(SIGTERM\)/);
      assert.match(dead.detail ?? "", /no such thing/);

      const command = "/nowhere/claude";
      const missing = { claude: { protocol: "claude", command, args: [], env: {} } } as const;
      const none = yield* Effect.flip(startOnly({ agents: missing, model: { provider: "claude" } }));
      assert.match(none.message, /Command not found: \/nowhere\/claude/);

      const silent = yield* playing([hears("initialize"), hears("what nobody says")]);
      const late = yield* Effect.flip(startOnly({ ...silent, deadlines: { handshake: "300 millis" } }));
      assert.match(late.message, /did not answer in time/);
    }).pipe(Effect.scoped),
  );

  it.live("ends with its process, and its turn is not completed by that", () =>
    Effect.gen(function* () {
      const lines: ReadonlyArray<Line> = [
        ...started,
        hearsPrompt(),
        begins("m"),
        opens(0),
        says(0, "half"),
        { dir: "exit", msg: { code: null, signal: "SIGKILL" } },
      ];
      const { session, seen } = yield* start(yield* playing(lines));
      yield* prompt(session, "hello");
      assertWellFormed(yield* seen.ended);
      assert.deepStrictEqual(seen.all("turn.completed"), []);
      assert.strictEqual(seen.text, "half");
      assert.strictEqual(seen.all("session.exited")[0]?.signal, "SIGKILL");
      assert.match((yield* Effect.flip(session.prompt({ text: "", attachments: [] }))).message, /has ended/);
    }).pipe(Effect.scoped),
  );

  it.live("ends with what the SDK cannot read, so that its turn is not left open", () =>
    Effect.gen(function* () {
      const unreadable = ends({ subtype: "error_during_execution", is_error: true, errors: undefined });
      const { session, seen } = yield* start({
        ...(yield* playing([...started, hearsPrompt(), unreadable, hears("nothing")])),
        deadlines: { closing: "100 millis" },
      });
      yield* prompt(session, "hello");
      assertWellFormed(yield* seen.ended);
      assert.match(seen.all("session.exited")[0]?.detail ?? "", /TypeError/);
      assert.isFalse(isRunning(session.pid));
    }).pipe(Effect.scoped),
  );

  it.live("does not keep a turn open whose prompt claude does not read", () =>
    Effect.gen(function* () {
      const unread = `process.stdin.once("data", (data) => {
        process.stdin.pause();
        const { request_id } = JSON.parse(data);
        const response = { subtype: "success", request_id, response: {} };
        console.log(JSON.stringify({ type: "control_response", response }));
        setInterval(() => {}, 1000);
      });`;
      const args = ["--eval", unread, "--"];
      const claude = { protocol: "claude", command: process.execPath, args, env: {} } as const;
      const { session, seen } = yield* start({
        agents: { claude },
        model: { provider: "claude" },
        deadlines: { handOver: "200 millis", closing: "100 millis" },
      });
      const lost = yield* Effect.flip(prompt(session, "x".repeat(1024 * 1024)));
      assert.match(lost.message, /does not read what it is sent/);
      assert.deepInclude(yield* seen.nextOf("turn.completed"), { status: "error" });
    }).pipe(Effect.scoped),
  );

  it.live("ends a claude that does not listen when it is asked to", () =>
    Effect.gen(function* () {
      const deaf = "setInterval(() => {}, 1000); process.on('SIGTERM', () => {});";
      const play = [...started, hearsPrompt(), asks("r", "Bash", { command: "make" }), hears("nothing")];
      const { agents, model } = yield* playing(play);
      const args = ["--import", `data:text/javascript,${encodeURIComponent(deaf)}`, ...agents.claude.args];
      const { session, seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* start({
            agents: { claude: { ...agents.claude, args } },
            model,
            runtimeMode: "approval-required",
            deadlines: { closing: "100 millis" },
          });
          yield* prompt(started.session, "hello");
          yield* started.seen.nextOf("approval.requested");
          return started;
        }),
      );
      assertWellFormed(yield* seen.ended);
      yield* until(() => !isRunning(session.pid));
      assert.lengthOf(seen.all("request.withdrawn"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("keeps the model that it has where claude refuses another, and says so", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* playing([
          ...started,
          hears("set_model"),
          refuses("set_model", "no such model"),
          hears("apply_flag_settings"),
          echoes,
          answers("apply_flag_settings"),
          hearsPrompt(),
          ends(),
          exits,
        ]),
      );
      const model = { provider: "claude", model: "nonsense" };
      yield* session.prompt({ text: "hello", attachments: [], model, effort: "max" });
      assert.deepInclude(yield* seen.nextOf("turn.completed"), { status: "completed" });
      assert.match(seen.all("notice")[0]?.summary ?? "", /model was ignored: .*no such model/);
      const effort = seen.events.find(isEcho);
      assert.deepInclude(effort && echoOf(effort)["request"], { settings: { effortLevel: "max" } });
    }).pipe(Effect.scoped),
  );
});

describe("the Claude Agent SDK", () => {
  it("is not loaded before the first session of claude", () => {
    const registry = new URL("../../src/shared/ProviderRegistry.ts", import.meta.url);
    const program = `
      import { registerHooks } from "node:module";
      const seen = [];
      registerHooks({ resolve: (name, context, next) => { seen.push(name); return next(name, context); } });
      await import(${JSON.stringify(registry.href)});
      console.log(JSON.stringify(seen));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
    });
    const loaded = JSON.parse(output) as ReadonlyArray<string>;
    assert.include(loaded, "../acp/Adapter.ts");
    assert.notInclude(loaded, "@anthropic-ai/claude-agent-sdk");
  });
});
