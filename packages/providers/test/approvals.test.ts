/** Who decides on what an agent wants to do: the runtime mode, or a person, and what the agent hears of it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { echoed, type EventOf, oneTurn, playing, prompt, script, start } from "./support.ts";

const writeAndRun = "[[write: a.txt | A]] [[shell: true]] [[say: done]]";

const allow = { optionId: "yes", name: "Yes", kind: "allow_once" };
const allowAlways = { optionId: "always", name: "Always", kind: "allow_always" };
const reject = { optionId: "no", name: "No", kind: "reject_once" };

const wants = (
  id: string,
  kind: string | undefined,
  title: string,
  options: ReadonlyArray<object> = [allow, reject],
) =>
  script.asks(id, "session/request_permission", {
    toolCall: { toolCallId: `call-${id}`, kind, title },
    options,
  });

/** An agent that asks for one thing after the other and repeats each answer. */
const asking = (...requests: ReadonlyArray<ReturnType<typeof wants>>) =>
  playing([
    ...script.opens(),
    ...script.turn(
      requests.flatMap((request) =>
        request.dir === "<" ? [request, script.hearsAnswerTo(String(request.msg.id)), script.echoes] : [],
      ),
    ),
    script.exits,
  ]);

const isNotice =
  (kind: string) =>
  (event: { type: string; kind?: unknown }): event is EventOf<"notice"> =>
    event.type === "notice" && event.kind === kind;

const selected = (optionId: string) => ({ outcome: { outcome: "selected", optionId } });

describe("the runtime mode", () => {
  it.live("approval-required asks a person for everything", () =>
    Effect.gen(function* () {
      const { session, seen, cwd } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, writeAndRun);

      const edit = yield* seen.nextOf("approval.requested");
      assert.deepInclude(edit, { kind: "edit", title: "Write a.txt" });
      assert.deepNestedInclude(edit.payload, { "diffs[0]": { path: join(cwd, "a.txt"), newText: "A" } });
      assert.isFalse(existsSync(join(cwd, "a.txt")));
      yield* session.respondApproval(edit.requestKey, "accept");

      const command = yield* seen.nextOf("approval.requested");
      assert.deepInclude(command, { kind: "execute", title: "true" });
      assert.isTrue(existsSync(join(cwd, "a.txt")));
      yield* session.respondApproval(command.requestKey, "accept");

      yield* seen.nextOf("turn.completed");
      assert.lengthOf(seen.all("notice"), 0);
      assert.strictEqual(seen.text, "done");
    }).pipe(Effect.scoped),
  );

  it.live("auto-accept-edits accepts edits, says so, and asks for the rest", () =>
    Effect.gen(function* () {
      const { session, seen, cwd } = yield* start({ runtimeMode: "auto-accept-edits" });
      yield* prompt(session, writeAndRun);
      const command = yield* seen.nextOf("approval.requested");
      assert.strictEqual(command.kind, "execute");
      assert.isTrue(existsSync(join(cwd, "a.txt")));
      assert.deepInclude(seen.all("notice")[0], {
        tone: "approval",
        summary: "Accepted (runtime mode auto-accept-edits): Write a.txt",
      });
      yield* session.respondApproval(command.requestKey, "accept");
      yield* seen.nextOf("turn.completed");
      assert.lengthOf(seen.all("approval.requested"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("full-access asks for nothing, and says what it accepted", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start({ runtimeMode: "full-access" });
      yield* turn(writeAndRun);
      assert.lengthOf(seen.all("approval.requested"), 0);
      assert.deepStrictEqual(
        seen.all("notice").map(({ tone }) => tone),
        ["approval", "approval"],
      );
    }).pipe(Effect.scoped),
  );

  it.live.each(["delete", "move", "read", "execute", "switch_mode", "edit_everything", "Edit", undefined])(
    "auto-accept-edits does not take %s for an edit",
    (kind) =>
      Effect.gen(function* () {
        const agent = yield* asking(wants("1", kind, "Something"));
        const { session, seen } = yield* start({ ...agent, runtimeMode: "auto-accept-edits" });
        yield* prompt(session, "go");
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(requestKey, "decline");
        assert.deepStrictEqual(echoed(yield* seen.next(isNotice("agent"))), selected("no"));
      }).pipe(Effect.scoped),
  );

  it.live("holds for what is open when it changes", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, writeAndRun);
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.setRuntimeMode("auto-accept-edits");
      assert.strictEqual((yield* seen.nextOf("request.withdrawn")).requestKey, requestKey);
      const command = yield* seen.nextOf("approval.requested");
      yield* session.setRuntimeMode("full-access");
      assert.strictEqual((yield* seen.nextOf("request.withdrawn")).requestKey, command.requestKey);
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
    }).pipe(Effect.scoped),
  );
});

describe("a decision", () => {
  it.live("to decline fails the call, and the agent goes on", () =>
    Effect.gen(function* () {
      const { session, seen, cwd } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, "[[write: a.txt | A]] [[say: next]]");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.respondApproval(requestKey, "decline");
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
      assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
      assert.strictEqual(seen.text, "Skipped: Write a.txt\n\nnext");
      assert.isFalse(existsSync(join(cwd, "a.txt")));
    }).pipe(Effect.scoped),
  );

  it.live("to cancel ends the turn", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, "[[write: a.txt | A]] [[say: never]]");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.respondApproval(requestKey, "cancel");
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
      assert.strictEqual(seen.text, "");
    }).pipe(Effect.scoped),
  );

  it.live.each([
    ["that offers to keep it, perhaps for longer", [allow, allowAlways, reject]],
    ["that does not offer to keep it", [allow, reject]],
  ] as const)(
    "for the session is kept by Heddle, for exactly the same act, from an agent %s",
    ([, options]) =>
      Effect.gen(function* () {
        const agent = yield* asking(
          wants("1", "execute", "make", options),
          wants("2", "execute", "make", options),
          wants("3", "execute", "make install", options),
          wants("4", "edit", "make", options),
        );
        const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
        yield* prompt(session, "go");
        yield* session.respondApproval(
          (yield* seen.nextOf("approval.requested")).requestKey,
          "acceptForSession",
        );
        assert.deepStrictEqual(echoed(yield* seen.next(isNotice("agent"))), selected("yes"));
        assert.strictEqual(
          (yield* seen.next(isNotice("accepted-automatically"))).summary,
          "Accepted (accepted before for this session): make",
        );
        assert.deepStrictEqual(echoed(yield* seen.next(isNotice("agent"))), selected("yes"));
        for (const title of ["make install", "make"]) {
          const request = yield* seen.nextOf("approval.requested");
          assert.strictEqual(request.title, title);
          yield* session.respondApproval(request.requestKey, "accept");
        }
        yield* seen.nextOf("turn.completed");
      }).pipe(Effect.scoped),
  );

  it.live("for the session holds for the same content of a file only, where that is all that tells it", () =>
    Effect.gen(function* () {
      const writes = (id: string, newText: string) => [
        script.asks(id, "session/request_permission", {
          toolCall: {
            toolCallId: `call-${id}`,
            kind: "edit",
            title: "Write a.txt",
            content: [{ type: "diff", path: "/a.txt", newText }],
          },
          options: [allow, reject],
        }),
        script.hearsAnswerTo(id),
      ];
      const agent = yield* oneTurn(...writes("1", "A"), ...writes("2", "A"), ...writes("3", "B"));
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      yield* prompt(session, "go");
      for (const decision of ["acceptForSession", "decline"] as const) {
        yield* session.respondApproval((yield* seen.nextOf("approval.requested")).requestKey, decision);
      }
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("approval.requested").map(({ itemId }) => String(itemId)),
        ["call-1", "call-3"],
      );
    }).pipe(Effect.scoped),
  );

  it.live(
    "for the session is for this once where the title is cut and there are no arguments: it may hide another act",
    () =>
      Effect.gen(function* () {
        const long = (what: string): string => `echo ${"a".repeat(1600)}; ${what}; ${"b".repeat(600)}`;
        const runs = (id: string, rawInput?: object) => [
          script.asks(id, "session/request_permission", {
            toolCall: { toolCallId: `call-${id}`, kind: "execute", title: long(`make ${id}`), rawInput },
            options: [allow, reject],
          }),
          script.hearsAnswerTo(id),
        ];
        const told = { command: "make" };
        const agent = yield* oneTurn(...runs("1"), ...runs("2"), ...runs("3", told), ...runs("4", told));
        const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
        yield* prompt(session, "go");
        for (const decision of ["acceptForSession", "decline", "acceptForSession"] as const) {
          yield* session.respondApproval((yield* seen.nextOf("approval.requested")).requestKey, decision);
        }
        yield* seen.nextOf("turn.completed");
        const asked = seen.all("approval.requested");
        assert.strictEqual(asked[0]?.title, asked[1]?.title);
        assert.deepStrictEqual(
          asked.map(({ itemId }) => String(itemId)),
          ["call-1", "call-2", "call-3"],
        );
      }).pipe(Effect.scoped),
  );

  it.live("for the session holds for the same arguments only, which may have been told before", () =>
    Effect.gen(function* () {
      const runs = (id: string, command: string) => [
        script.tells("tool_call", {
          toolCallId: `call-${id}`,
          kind: "execute",
          title: "Run",
          rawInput: { command },
        }),
        wants(id, undefined, "Run"),
        script.hearsAnswerTo(id),
      ];
      const agent = yield* oneTurn(
        ...runs("1", "ls"),
        ...runs("2", "rm"),
        ...runs("3", "ls"),
        ...runs("4", "rm"),
      );
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      yield* prompt(session, "go");
      for (const decision of ["acceptForSession", "accept", "decline"] as const) {
        yield* session.respondApproval((yield* seen.nextOf("approval.requested")).requestKey, decision);
      }
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("approval.requested").map(({ itemId }) => String(itemId)),
        ["call-1", "call-2", "call-4"],
      );
      assert.lengthOf(seen.all("notice"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("goes out as the option that means it", () =>
    Effect.gen(function* () {
      const options = [reject, allowAlways, allow];
      const agent = yield* asking(
        wants("1", "edit", "a", options),
        wants("2", "edit", "b", options),
        wants("3", "edit", "c", options),
        wants("4", "edit", "d", [allowAlways]),
        wants("5", "edit", "e", [allowAlways]),
        wants("6", "edit", "f", [allowAlways]),
      );
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      yield* prompt(session, "go");
      const expected = [
        ["accept", selected("yes")],
        ["acceptForSession", selected("yes")],
        ["decline", selected("no")],
        ["accept", selected("always")],
        ["acceptForSession", selected("always")],
        ["decline", { outcome: { outcome: "cancelled" } }],
      ] as const;
      for (const [decision, answer] of expected) {
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(requestKey, decision);
        assert.deepStrictEqual(echoed(yield* seen.next(isNotice("agent"))), answer);
      }
    }).pipe(Effect.scoped),
  );

  it.live("that the agent has no option for is refused, and the request stays open", () =>
    Effect.gen(function* () {
      const agent = yield* asking(wants("1", "edit", "a", [reject]));
      const { session, seen } = yield* start({ ...agent, runtimeMode: "full-access" });
      yield* prompt(session, "go");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      const error = yield* Effect.flip(session.respondApproval(requestKey, "accept"));
      assert.match(error.message, /offers no way to accept/);
      yield* session.respondApproval(requestKey, "decline");
      yield* seen.nextOf("turn.completed");
    }).pipe(Effect.scoped),
  );

  it.live("is refused where no such request is open", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, "[[shell: true]]");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.respondApproval(requestKey, "accept");
      const twice = yield* Effect.flip(session.respondApproval(requestKey, "accept"));
      const never = yield* Effect.flip(session.respondUserInput("never", { answer: "x" }));
      assert.deepStrictEqual([twice.operation, never.operation], ["respond", "respond"]);
    }).pipe(Effect.scoped),
  );
});

describe("a request ends without a decision", () => {
  it.live("when the turn is interrupted", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, "[[write: a.txt | A]]");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.interrupt;
      assert.strictEqual((yield* seen.nextOf("request.withdrawn")).requestKey, requestKey);
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
      assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
      const late = yield* Effect.flip(session.respondApproval(requestKey, "accept"));
      assert.match(late.message, /No such approval is open/);
    }).pipe(Effect.scoped),
  );

  it.live("when it is a question, as well", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start();
      yield* prompt(session, "[[ask: Well?]]");
      yield* seen.nextOf("user-input.requested");
      yield* session.interrupt;
      yield* seen.nextOf("request.withdrawn");
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
    }).pipe(Effect.scoped),
  );

  it.live("when the agent takes it back", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...script.turn([
          wants("1", "edit", "a"),
          script.notifies("$/cancel_request", { requestId: "1" }),
          script.hearsAnswerTo("1"),
          script.echoes,
        ]),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      yield* prompt(session, "go");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      assert.strictEqual((yield* seen.nextOf("request.withdrawn")).requestKey, requestKey);
      assert.deepInclude(echoed(yield* seen.next(isNotice("agent"))), { code: -32800 });
    }).pipe(Effect.scoped),
  );

  it.live("when it is asked after the interrupt: the answer is no, and nobody is bothered", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        script.hears("session/prompt", 10),
        script.hears("session/cancel"),
        wants("1", "edit", "too late"),
        script.hearsAnswerTo("1"),
        script.echoes,
        script.answers(10, { stopReason: "cancelled" }),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, runtimeMode: "full-access" });
      yield* prompt(session, "go");
      yield* session.interrupt;
      const answer = yield* seen.next(
        (event): event is EventOf<"notice"> => event.type === "notice" && event.summary.startsWith("{"),
      );
      assert.deepStrictEqual(echoed(answer), { outcome: { outcome: "cancelled" } });
      yield* seen.nextOf("turn.completed");
      assert.lengthOf(seen.all("approval.requested"), 0);
    }).pipe(Effect.scoped),
  );

  it.live("when the turn ends over it", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...script.turn([wants("1", "edit", "a")]),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      yield* prompt(session, "go");
      yield* seen.nextOf("approval.requested");
      yield* seen.nextOf("request.withdrawn");
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
    }).pipe(Effect.scoped),
  );

  it.live("when the agent dies", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        script.hears("session/prompt", 10),
        wants("1", "edit", "a"),
        { dir: "exit", msg: { code: null, signal: "SIGKILL" } },
      ]);
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      yield* prompt(session, "go");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* seen.ended;
      assert.strictEqual(seen.all("request.withdrawn")[0]?.requestKey, requestKey);
      const late = yield* Effect.flip(session.respondApproval(requestKey, "accept"));
      assert.match(late.message, /has ended/);
    }).pipe(Effect.scoped),
  );
});
