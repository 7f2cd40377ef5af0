/** What codex asks: of a person, of the runtime mode, or in vain. Each request has exactly one answer. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import type { ApprovalDecision } from "@heddle/contracts/Model";
import { Effect } from "effect";
import { type EventOf, prompt, start, workspace } from "../support.ts";
import type { Line } from "./recording.ts";
import { echoOf, isEcho, oneTurn, playing, script } from "./support.ts";

const COMMAND = "item/commandExecution/requestApproval";
const FILES = "item/fileChange/requestApproval";
const PERMISSIONS = "item/permissions/requestApproval";
const QUESTION = "item/tool/requestUserInput";
const FORM = "mcpServer/elicitation/request";

/** Codex asks, hears the answer and repeats it. */
const asking = (method: string, params: object, id = 0): ReadonlyArray<Line> => [
  script.asks(id, method, params),
  script.hearsAnswerTo(id),
  script.echoes,
];

const changing = (id: string, ...changes: ReadonlyArray<object>): Line =>
  script.begun({ type: "fileChange", id, changes, status: "inProgress" });

const NOBODY = "Heddle cannot show this request to anybody.";

const supervised = { runtimeMode: "approval-required" } as const;

const command = { itemId: "c", kind: "command", command: "rm -rf build", cwd: "/x" };

describe("a decision on what codex asks", () => {
  it.live.each(["accept", "acceptForSession", "decline", "cancel"] as const)(
    "is handed over as it is for commands and changes of files: %s",
    (decision) =>
      Effect.gen(function* () {
        const agent = yield* oneTurn(
          ...asking(COMMAND, command),
          ...(decision === "cancel" ? [] : asking(FILES, { itemId: "f" }, 1)),
        );
        const { session, seen } = yield* start({ ...agent, ...supervised });
        yield* prompt(session, "go");
        const asked = yield* seen.nextOf("approval.requested");
        assert.deepInclude(asked, { kind: "execute", title: "rm -rf build" });
        assert.deepStrictEqual(asked.payload, { input: { command: "rm -rf build", cwd: "/x" } });
        yield* session.respondApproval(asked.requestKey, decision);
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { decision });
        if (decision === "cancel") return;
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(requestKey, decision);
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { decision });
      }).pipe(Effect.scoped),
  );

  it.live.each(["accept", "acceptForSession", "decline"] as const)(
    "on an address of the network is said of that address alone: %s",
    (decision) =>
      Effect.gen(function* () {
        const network = { host: "example.org", protocol: "https" };
        const amendment = { host: "example.org", action: "allow" };
        const agent = yield* oneTurn(
          ...asking(COMMAND, {
            itemId: "n",
            networkApprovalContext: network,
            proposedNetworkPolicyAmendments: [amendment],
            availableDecisions: ["accept", { applyNetworkPolicyAmendment: amendment }, "cancel"],
          }),
        );
        const { session, seen } = yield* start({ ...agent, runtimeMode: "auto-accept-edits" });
        yield* prompt(session, "go");
        const asked = yield* seen.nextOf("approval.requested");
        assert.deepInclude(asked, { kind: "fetch", title: "Reach example.org" });
        yield* session.respondApproval(asked.requestKey, decision);
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { decision });
      }).pipe(Effect.scoped),
  );

  const wanted = { network: { enabled: true }, fileSystem: null };
  const granted = { network: { enabled: true } };
  it.live.each([
    { decision: "accept", answer: { permissions: granted, scope: "turn" } },
    { decision: "acceptForSession", answer: { permissions: granted, scope: "session" } },
    { decision: "decline", answer: { permissions: {}, scope: "turn" } },
  ] satisfies ReadonlyArray<{ decision: ApprovalDecision; answer: object }>)(
    "grants permissions that it wants, or none: $decision",
    ({ decision, answer }) =>
      Effect.gen(function* () {
        const agent = yield* oneTurn(
          ...asking(PERMISSIONS, { itemId: "p", reason: "to download", permissions: wanted }),
        );
        const { session, seen } = yield* start({ ...agent, runtimeMode: "auto-accept-edits" });
        yield* prompt(session, "go");
        const asked = yield* seen.nextOf("approval.requested");
        assert.deepInclude(asked, { kind: "other", title: "to download" });
        yield* session.respondApproval(asked.requestKey, decision);
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), answer);
      }).pipe(Effect.scoped),
  );

  it.live("that comes after it was taken back is refused", () =>
    Effect.gen(function* () {
      const agent = yield* oneTurn(
        script.asks(0, COMMAND, command),
        script.tells("serverRequest/resolved", { requestId: 0 }),
        script.says("m", "never mind"),
      );
      const { session, seen } = yield* start({ ...agent, ...supervised });
      yield* prompt(session, "go");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      const next = yield* seen.next(({ type }) => type === "request.withdrawn" || type === "message.delta");
      assert.deepStrictEqual(next, { type: "request.withdrawn", requestKey });
      const error = yield* Effect.flip(session.respondApproval(requestKey, "accept"));
      assert.match(error.message, /No such approval is open/);
    }).pipe(Effect.scoped),
  );
});

describe("the runtime mode", () => {
  const add = (path: string) => ({ path, kind: { type: "add" }, diff: "x\n" });

  it.live("auto-accept-edits accepts edits inside the folder, links followed, and nothing else", () =>
    Effect.gen(function* () {
      const cwd = yield* workspace;
      const outside = yield* workspace;
      mkdirSync(join(cwd, "sub"));
      symlinkSync(outside, join(cwd, "link"));
      const update = {
        path: join(cwd, "b"),
        kind: { type: "update", move_path: null },
        diff: "@@\n-a\n+b\n",
      };
      const moved = { ...update, kind: { type: "update", move_path: join(outside, "b") } };
      const requests: ReadonlyArray<readonly [kind: string, changes: ReadonlyArray<object>, more?: object]> =
        [
          ["accepted", [add(join(cwd, "sub/a")), update]],
          ["edit", [add(join(outside, "a"))]],
          ["edit", [add(join(cwd, "link/a"))]],
          ["edit", [add(join(cwd, "../a"))]],
          ["move", [moved]],
          ["delete", [update, { path: join(cwd, "a"), kind: { type: "delete" }, diff: "x\n" }]],
          ["other", [{ path: join(cwd, "a"), kind: { type: "transmute" }, diff: "x\n" }]],
          ["other", []],
          ["other", [add(join(cwd, "a"))], { grantRoot: "/" }],
        ];
      const lines = requests.flatMap(([, changes, more], index) => [
        changing(`f${index}`, ...changes),
        ...asking(FILES, { itemId: `f${index}`, ...more }, index),
      ]);
      const agent = yield* oneTurn(...lines, ...asking(COMMAND, command, 100));
      const { session, seen } = yield* start({ ...agent, cwd, runtimeMode: "auto-accept-edits" });
      yield* prompt(session, "go");
      for (const [kind] of [...requests, ["execute"]]) {
        const event = yield* seen.next(
          ({ type, ...event }) =>
            type === "approval.requested" || ("kind" in event && event.kind === "accepted-automatically"),
        );
        if (event.type === "approval.requested") {
          assert.strictEqual(event.kind, kind);
          yield* session.respondApproval(event.requestKey, "decline");
        } else {
          assert.strictEqual(kind, "accepted");
        }
        const decision = kind === "accepted" ? "accept" : "decline";
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { decision });
      }
    }).pipe(Effect.scoped),
  );

  it.live("full-access accepts everything, also what is open when it is set", () =>
    Effect.gen(function* () {
      const agent = yield* oneTurn(
        ...asking(COMMAND, command),
        ...asking(
          COMMAND,
          { itemId: "n", networkApprovalContext: { host: "example.org", protocol: "https" } },
          1,
        ),
      );
      const { session, seen } = yield* start({ ...agent, ...supervised });
      yield* prompt(session, "go");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.setRuntimeMode("full-access");
      assert.deepInclude(yield* seen.nextOf("request.withdrawn"), { requestKey });
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { decision: "accept" });
      const accepted = yield* seen.next(
        (event): event is EventOf<"notice"> =>
          event.type === "notice" && event.kind === "accepted-automatically",
      );
      assert.match(accepted.summary, /runtime mode full-access.*Reach example\.org/);
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { decision: "accept" });
    }).pipe(Effect.scoped),
  );
});

describe("a question of codex's", () => {
  const colours = [
    { label: "Red", description: "like fire" },
    { label: "Blue", description: "" },
  ];
  const questions = [
    { id: "colour", header: "Colour", question: "Which?", isOther: true, isSecret: false, options: colours },
    { id: "why", header: "", question: "Why?", isOther: false, isSecret: false, options: null },
  ];

  it.live.each([
    { how: "answered", answers: { colour: "Red", why: "so" }, answer: { colour: ["Red"], why: ["so"] } },
    { how: "declined", answers: {}, answer: {} },
  ])("goes to a person, and comes back $how", ({ answers, answer }) =>
    Effect.gen(function* () {
      const agent = yield* oneTurn(...asking(QUESTION, { itemId: "q", questions, isBlocking: true }));
      const { session, seen } = yield* start(agent);
      yield* prompt(session, "go");
      const asked = yield* seen.nextOf("user-input.requested");
      assert.deepStrictEqual(asked.questions, [
        {
          id: "colour",
          prompt: "Colour\nWhich?",
          options: [
            { value: "Red", label: "Red: like fire" },
            { value: "Blue", label: "Blue" },
          ],
        },
        { id: "why", prompt: "Why?" },
      ]);
      yield* session.respondUserInput(asked.requestKey, answers);
      const given = Object.entries(answer).map(([id, words]) => [id, { answers: words }]);
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), { answers: Object.fromEntries(given) });
    }).pipe(Effect.scoped),
  );

  it.live("for a secret is refused, and the thread says so", () =>
    Effect.gen(function* () {
      const secret = [{ id: "key", header: "Key", question: "API key?", isSecret: true, options: null }];
      const agent = yield* oneTurn(...asking(QUESTION, { itemId: "q", questions: secret, isBlocking: true }));
      const { session, seen } = yield* start(agent);
      yield* prompt(session, "go");
      const refused = yield* seen.nextOf("notice");
      assert.deepInclude(refused, { kind: "question-refused", tone: "error" });
      assert.deepInclude(echoOf(yield* seen.next(isEcho)), { code: -32000 });
      assert.deepStrictEqual(seen.all("user-input.requested"), []);
    }).pipe(Effect.scoped),
  );

  it.live("that a tool's server asks is a form", () =>
    Effect.gen(function* () {
      const requestedSchema = {
        type: "object",
        properties: { size: { type: "integer", title: "Size" } },
        required: ["size"],
      };
      const form = { serverName: "files", mode: "form", message: "How large?", requestedSchema };
      const agent = yield* oneTurn(...asking(FORM, form));
      const { session, seen } = yield* start(agent);
      yield* prompt(session, "go");
      const { requestKey, questions } = yield* seen.nextOf("user-input.requested");
      assert.deepStrictEqual(questions, [{ id: "size", prompt: "How large?\nSize" }]);
      const problem = yield* Effect.flip(session.respondUserInput(requestKey, { size: "large" }));
      assert.match(problem.message, /"large" is no answer to "size"/);
      yield* session.respondUserInput(requestKey, { size: "12" });
      const answer = { action: "accept", content: { size: 12 }, _meta: null };
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), answer);
    }).pipe(Effect.scoped),
  );
});

describe("an address that a tool's server wants opened", () => {
  it.live.each([
    { said: "accept", answer: { action: "accept", content: null, _meta: null } },
    { said: "decline", answer: { action: "decline", content: null, _meta: null } },
  ])("is shown with its host, and a person says whether it was: $said", ({ said, answer }) =>
    Effect.gen(function* () {
      const wanted = {
        serverName: "files",
        mode: "url",
        message: "Log in",
        url: "https://example.org/login?a",
      };
      const agent = yield* oneTurn(...asking(FORM, { ...wanted, elicitationId: "e" }));
      const { session, seen } = yield* start(agent);
      yield* prompt(session, "go");
      const { requestKey, questions } = yield* seen.nextOf("user-input.requested");
      assert.match(
        questions[0]?.prompt ?? "",
        /^Log in\nOpen this address of example\.org, .*: https:\/\/example\.org\/login\?a$/,
      );
      yield* session.respondUserInput(requestKey, { confirm: said });
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), answer);
    }).pipe(Effect.scoped),
  );
});

describe("a request that Heddle cannot answer", () => {
  it.live.each([
    { method: "item/tool/call", params: { tool: "x" }, answer: { success: false } },
    { method: "applyPatchApproval", params: {}, answer: { decision: { denied: { rejection: NOBODY } } } },
    { method: "execCommandApproval", params: {}, answer: { decision: { denied: { rejection: NOBODY } } } },
    { method: "account/chatgptAuthTokens/refresh", params: {}, answer: { code: -32601 } },
    { method: "attestation/generate", params: {}, answer: { code: -32601 } },
    { method: "currentTime/read", params: {}, answer: { code: -32601 } },
    { method: "a/kind/that/comes/later", params: {}, answer: { code: -32601 } },
    { method: COMMAND, params: { command: 12 }, answer: { code: -32602 } },
    { method: FILES, params: {}, answer: { code: -32602 } },
    { method: PERMISSIONS, params: { itemId: "p" }, answer: { code: -32602 } },
    { method: QUESTION, params: { questions: "none" }, answer: { code: -32602 } },
    { method: FORM, params: { mode: "openai/form", message: "x" }, answer: { code: -32000 } },
    { method: FORM, params: { mode: "url", message: "x", url: "file:///etc" }, answer: { code: -32000 } },
  ])("is refused at once: $method", ({ method, params, answer }) =>
    Effect.gen(function* () {
      const agent = yield* oneTurn(...asking(method, params));
      const { session, seen } = yield* start({ ...agent, ...supervised });
      yield* prompt(session, "go");
      assert.deepInclude(echoOf(yield* seen.next(isEcho)), answer);
    }).pipe(Effect.scoped),
  );
});

describe("what codex asks while its turn is ended", () => {
  it.live("is answered as cancelled, whether it was open or comes then", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...script.begins(),
        script.asks(0, COMMAND, command),
        script.asks(1, QUESTION, { itemId: "q", questions: [], isBlocking: true }),
        script.hears("turn/interrupt", 20),
        script.hearsAnswerTo(0),
        script.echoes,
        script.hearsAnswerTo(1),
        script.echoes,
        ...asking(COMMAND, command, 2),
        script.answers(20, {}),
        script.ends("interrupted"),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, ...supervised });
      yield* prompt(session, "go");
      yield* seen.nextOf("user-input.requested");
      yield* session.interrupt;
      yield* seen.nextOf("turn.completed");
      const heard = seen.all("notice").filter(isEcho);
      assert.deepStrictEqual(heard.map(echoOf), [
        { decision: "cancel" },
        { answers: {} },
        { decision: "cancel" },
      ]);
      assert.lengthOf(seen.all("request.withdrawn"), 2);
    }).pipe(Effect.scoped),
  );
});
