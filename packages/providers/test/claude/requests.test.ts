/** What claude asks, and what it is answered: scripted, through the adapter and the SDK as they are. */
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ProviderItemId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { prompt, start, workspace } from "../support.ts";
import { echoOf, fromClaude, isEcho, oneTurn, playing, script, started } from "./support.ts";

const { asks, calls, echoes, ends, exits, hearsAnswerTo, hearsPrompt, tells } = script;

const rule = { type: "addRules", rules: [{ toolName: "Bash", ruleContent: "make" }], behavior: "allow" };
const suggestions = [
  { ...rule, destination: "localSettings" },
  { ...rule, behavior: "deny", destination: "session" },
  { type: "addDirectories", directories: ["/"], destination: "session" },
  { type: "setMode", mode: "acceptEdits", destination: "session" },
];

describe("an approval that claude asks for", () => {
  it.live.each([
    {
      decision: "accept" as const,
      answer: { behavior: "allow", updatedInput: { command: "make" }, toolUseID: "call-r" },
    },
    {
      decision: "acceptForSession" as const,
      answer: {
        behavior: "allow",
        updatedInput: { command: "make" },
        toolUseID: "call-r",
      },
    },
    {
      decision: "decline" as const,
      answer: { behavior: "deny", message: "The person did not allow this.", toolUseID: "call-r" },
    },
  ])("is answered with what $decision means, and with nothing more", ({ decision, answer }) =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({
        ...(yield* oneTurn(
          asks("r", "Bash", { command: "make" }, { permission_suggestions: suggestions }),
          hearsAnswerTo("r"),
          echoes,
        )),
        runtimeMode: "approval-required",
      });
      yield* prompt(session, "hello");
      const request = yield* seen.nextOf("approval.requested");
      assert.deepInclude(request, { kind: "execute", title: "make", itemId: ProviderItemId.make("call-r") });
      yield* session.respondApproval(request.requestKey, decision);
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho))["response"].response, answer);
      yield* seen.nextOf("turn.completed");
      const late = yield* Effect.flip(session.respondApproval(request.requestKey, decision));
      assert.match(late.message, /No such approval is open/);
    }).pipe(Effect.scoped),
  );

  it.live("is not asked again of a person who accepted it for the session; another is", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({
        ...(yield* oneTurn(
          asks("r1", "mcp__maps__find", { where: "here" }),
          hearsAnswerTo("r1"),
          asks("r2", "mcp__maps__find", { where: "here" }),
          hearsAnswerTo("r2"),
          asks("r3", "mcp__maps__find", { where: "there" }),
          hearsAnswerTo("r3"),
          asks("r4", "Write", { file_path: "a.txt", content: "1" }),
          hearsAnswerTo("r4"),
          asks("r5", "Edit", { file_path: "a.txt", old_string: "1", new_string: "2" }),
          hearsAnswerTo("r5"),
        )),
        runtimeMode: "approval-required",
      });
      yield* prompt(session, "hello");
      for (let round = 0; round < 3; round += 1) {
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(requestKey, "acceptForSession");
      }
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("approval.requested").map(({ itemId }) => String(itemId)),
        ["call-r1", "call-r3", "call-r4"],
      );
      const automatic = seen.all("notice").filter(({ kind }) => kind === "accepted-automatically");
      assert.deepStrictEqual(
        automatic.map(({ summary }) => summary),
        [
          "Accepted (accepted before for this session): maps find",
          "Accepted (accepted before for this session): Edit a.txt",
        ],
      );
    }).pipe(Effect.scoped),
  );

  it.live("of an edit that a person accepted for the session is one of the file, and not of a path", () =>
    Effect.gen(function* () {
      const cwd = yield* workspace;
      const link = join(cwd, "link");
      const [here, there] = [yield* workspace, yield* workspace];
      symlinkSync(here, link);
      const writes = (request: string, path: string) => [
        asks(request, "Write", { file_path: path, content: request }),
        hearsAnswerTo(request),
      ];
      const { session, seen } = yield* start({
        ...(yield* playing([
          ...started,
          hearsPrompt(),
          ...writes("r1", join(link, "a.txt")),
          ...writes("r2", join(here, "a.txt")),
          ...writes("r3", join(here, "b.txt")),
          ends(),
          hearsPrompt(),
          ...writes("r4", join(link, "a.txt")),
          ends(),
          exits,
        ])),
        cwd,
        runtimeMode: "auto-accept-edits",
      });
      yield* prompt(session, "hello");
      for (const decision of ["acceptForSession", "decline"] as const) {
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(requestKey, decision);
      }
      yield* seen.nextOf("turn.completed");
      rmSync(link);
      symlinkSync(there, link);
      yield* prompt(session, "again");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.respondApproval(requestKey, "decline");
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("approval.requested").map(({ itemId }) => String(itemId)),
        ["call-r1", "call-r3", "call-r4"],
      );
    }).pipe(Effect.scoped),
  );

  it.live("of a plan that a person accepted for the session is of that plan alone", () =>
    Effect.gen(function* () {
      const plans = (request: string, plan: string) => [
        calls(`call-${request}`, "ExitPlanMode", { plan }),
        asks(request, "ExitPlanMode", {}),
        hearsAnswerTo(request),
      ];
      const { session, seen } = yield* start({
        ...(yield* oneTurn(...plans("r1", "one"), ...plans("r2", "two"), ...plans("r3", "one"))),
        runtimeMode: "approval-required",
      });
      yield* prompt(session, "hello");
      for (let round = 0; round < 2; round += 1) {
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(requestKey, "acceptForSession");
      }
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("approval.requested").map(({ payload }) => payload),
        [{ input: { plan: "one" } }, { input: { plan: "two" } }],
      );
    }).pipe(Effect.scoped),
  );

  it.live("is answered once, also where claude asks it again", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const asked = asks("r", "Bash", { command: "make" });
          const started = yield* start({
            ...(yield* oneTurn(asked, hearsAnswerTo("r"), asked)),
            runtimeMode: "approval-required",
          });
          yield* prompt(started.session, "hello");
          const { requestKey } = yield* started.seen.nextOf("approval.requested");
          yield* started.session.respondApproval(requestKey, "accept");
          yield* started.seen.nextOf("turn.completed");
          return started;
        }),
      );
      yield* seen.ended;
      assert.isTrue(session.gone);
      assert.lengthOf(seen.all("approval.requested"), 1);
      assert.strictEqual(seen.all("session.exited")[0]?.exitCode, 0);
    }).pipe(Effect.scoped),
  );

  it.live(
    "is accepted by auto-accept-edits where it edits a file inside of the folder, and nowhere else",
    () =>
      Effect.gen(function* () {
        const cwd = yield* workspace;
        const { session, seen } = yield* start({
          ...(yield* oneTurn(
            asks("r1", "Write", { file_path: join(cwd, "new/a.txt"), content: "1" }),
            hearsAnswerTo("r1"),
            asks("r2", "Write", { file_path: join(cwd, "../a.txt"), content: "1" }),
            hearsAnswerTo("r2"),
            asks("r3", "Hologram", { file_path: join(cwd, "a.txt") }),
            hearsAnswerTo("r3"),
            asks("r4", "Edit", { old_string: "1", new_string: "2" }),
            hearsAnswerTo("r4"),
          )),
          cwd,
          runtimeMode: "auto-accept-edits",
        });
        yield* prompt(session, "hello");
        for (let round = 0; round < 3; round += 1) {
          const { requestKey } = yield* seen.nextOf("approval.requested");
          yield* session.respondApproval(requestKey, "decline");
        }
        yield* seen.nextOf("turn.completed");
        assert.deepStrictEqual(
          seen.all("approval.requested").map(({ itemId, kind }) => [String(itemId), kind]),
          [
            ["call-r2", "edit"],
            ["call-r3", "other"],
            ["call-r4", "edit"],
          ],
        );
      }).pipe(Effect.scoped),
  );

  it.live("shows the plan that it is about, and why claude asks", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({
        ...(yield* oneTurn(
          calls("call-r", "ExitPlanMode", { plan: "# Plan" }),
          asks("r", "ExitPlanMode", {}, { decision_reason: "because" }),
          hearsAnswerTo("r"),
        )),
        runtimeMode: "auto-accept-edits",
      });
      yield* prompt(session, "hello");
      const request = yield* seen.nextOf("approval.requested");
      assert.deepInclude(request, {
        kind: "switch_mode",
        payload: { input: { plan: "# Plan" }, note: "because" },
      });
      yield* session.respondApproval(request.requestKey, "accept");
      yield* seen.nextOf("turn.completed");
    }).pipe(Effect.scoped),
  );

  it.live("of a subagent is shown as what the subagent's call does", () =>
    Effect.gen(function* () {
      const inner = { type: "tool_use", id: "call-r", name: "Bash", input: { command: "make" } };
      const { session, seen } = yield* start({
        ...(yield* oneTurn(
          calls("task", "Task", { description: "look around" }),
          tells({ type: "assistant", parent_tool_use_id: "task", message: { id: "s", content: [inner] } }),
          asks("r", "Bash", { command: "make" }, { agent_id: "agent" }),
          hearsAnswerTo("r"),
        )),
        runtimeMode: "approval-required",
      });
      yield* prompt(session, "hello");
      const request = yield* seen.nextOf("approval.requested");
      assert.deepInclude(request, { itemId: ProviderItemId.make("task"), title: "make" });
      yield* session.respondApproval(request.requestKey, "accept");
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual([...new Set(seen.all("tool.updated").map(({ itemId }) => itemId))], ["task"]);
    }).pipe(Effect.scoped),
  );

  it.live("is shown also where claude says that subagents are each other's", () =>
    Effect.gen(function* () {
      const doing = (id: string, owner: string) =>
        tells({
          type: "assistant",
          parent_tool_use_id: owner,
          message: { id: "s", content: [{ type: "tool_use", id, name: "Task", input: {} }] },
        });
      const { session, seen } = yield* start({
        ...(yield* oneTurn(
          doing("other", "call-r"),
          doing("call-r", "other"),
          asks("r", "Bash", { command: "make" }, { agent_id: "agent" }),
          hearsAnswerTo("r"),
        )),
        runtimeMode: "approval-required",
      });
      yield* prompt(session, "hello");
      const request = yield* seen.nextOf("approval.requested");
      assert.deepInclude(request, { itemId: ProviderItemId.make("other"), title: "make" });
      yield* session.respondApproval(request.requestKey, "accept");
      yield* seen.nextOf("turn.completed");
    }).pipe(Effect.scoped),
  );

  it.live("ends when claude takes it back", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({
        ...(yield* oneTurn(
          asks("r", "Bash", { command: "make" }),
          { dir: "<", msg: { type: "control_cancel_request", request_id: "r" } },
          hearsAnswerTo("r"),
        )),
        runtimeMode: "approval-required",
      });
      yield* prompt(session, "hello");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      assert.deepInclude(yield* seen.nextOf("request.withdrawn"), { requestKey });
      yield* seen.nextOf("turn.completed");
      assert.match(
        (yield* Effect.flip(session.respondApproval(requestKey, "accept"))).message,
        /took it back/,
      );
    }).pipe(Effect.scoped),
  );
});

describe("a question that claude asks", () => {
  const input = {
    questions: [
      { question: "Which?", header: "", multiSelect: true, options: [{ label: "a" }, { label: "b" }] },
      { question: "Why?" },
    ],
  };

  it.live.each([
    {
      how: "with all that was chosen and written",
      answers: { "question-1": "a\nb", "question-2": "because" },
      response: {
        behavior: "allow",
        updatedInput: { ...input, answers: { "Which?": "a, b", "Why?": "because" } },
        toolUseID: "call-r",
      },
    },
    {
      how: "as declined where there is no answer",
      answers: {},
      response: { behavior: "deny", message: "The person did not answer.", toolUseID: "call-r" },
    },
  ])("is answered $how, also with full access", ({ answers, response }) =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* oneTurn(asks("r", "AskUserQuestion", input), hearsAnswerTo("r"), echoes),
      );
      yield* prompt(session, "hello");
      const { requestKey, questions } = yield* seen.nextOf("user-input.requested");
      assert.deepStrictEqual(questions, [
        {
          id: "question-1",
          prompt: "Which?\n(Several answers: one a line.)",
          options: [
            { value: "a", label: "a" },
            { value: "b", label: "b" },
          ],
        },
        { id: "question-2", prompt: "Why?" },
      ]);
      yield* session.respondUserInput(requestKey, answers);
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho))["response"].response, response);
      yield* seen.nextOf("turn.completed");
    }).pipe(Effect.scoped),
  );

  it.live(
    "may be a form of a server of tools, or an address to open; what is neither is declined, and told",
    () =>
      Effect.gen(function* () {
        const elicits = (request_id: string, more: object) => ({
          dir: "<" as const,
          msg: {
            type: "control_request",
            request_id,
            request: { subtype: "elicitation", mcp_server_name: "maps", message: "Where?", ...more },
          },
        });
        const requestedSchema = {
          type: "object",
          properties: { place: { type: "string" } },
          required: ["place"],
        };
        const { session, seen } = yield* start(
          yield* oneTurn(
            elicits("r1", { mode: "form", requested_schema: requestedSchema }),
            hearsAnswerTo("r1"),
            echoes,
            elicits("r2", { mode: "url", url: "https://example.com/login" }),
            hearsAnswerTo("r2"),
            echoes,
            elicits("r3", { mode: "url", url: "file:///etc/passwd" }),
            hearsAnswerTo("r3"),
            echoes,
          ),
        );
        yield* prompt(session, "hello");
        const { requestKey } = yield* seen.nextOf("user-input.requested");
        const wrong = yield* Effect.flip(session.respondUserInput(requestKey, { place: "" }));
        assert.match(wrong.message, /"place" needs an answer/);
        yield* session.respondUserInput(requestKey, { place: "here" });
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho))["response"].response, {
          action: "accept",
          content: { place: "here" },
        });
        const address = yield* seen.nextOf("user-input.requested");
        assert.match(address.questions[0]?.prompt ?? "", /https:\/\/example\.com\/login/);
        yield* session.respondUserInput(address.requestKey, { confirm: "accept" });
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho))["response"].response, { action: "accept" });
        assert.deepStrictEqual(echoOf(yield* seen.next(isEcho))["response"].response, { action: "decline" });
        const told = seen.events.filter(fromClaude).map(({ summary }) => summary);
        assert.include(told, "maps asked something that cannot be asked here: Where?");
      }).pipe(Effect.scoped),
  );
});
