/** The session around the turns of an ACP agent: its prompts, its memory, its settings. */
import { assert, describe, it } from "@effect/vitest";
import { Effect, Fiber } from "effect";
import { echoed, fromAgent, type Line, playing, prompt, script, start } from "./support.ts";

/** A turn that is told its prompt. */
const repeatsPrompt = (id: number): ReadonlyArray<Line> => [
  script.hears("session/prompt", id),
  script.echoes,
  script.answers(id, { stopReason: "end_turn" }),
];

/** A start that ends in another way than with `session/new`. */
const opensBy = (initialize: object, method: string, ...answer: ReadonlyArray<Line>): ReadonlyArray<Line> => [
  script.hears("initialize", 0),
  script.answers(0, { protocolVersion: 1, ...initialize }),
  script.hears(method, 1),
  ...answer,
];

/** A change of mode that is told what it asks for. */
const switches = (id: number): ReadonlyArray<Line> => [
  script.hears("session/set_mode", id),
  script.echoes,
  script.answers(id, {}),
];

describe("a turn", () => {
  it.live.each(["max_tokens", "max_turn_requests", "refusal", "whatever comes next"])(
    "that ends by %s is completed, and says so",
    (reason) =>
      Effect.gen(function* () {
        const { turn } = yield* start(
          yield* playing([...script.opens(), ...script.turn([], 10, reason), script.exits]),
        );
        assert.deepStrictEqual(yield* turn("go"), { type: "turn.completed", status: "completed", reason });
      }).pipe(Effect.scoped),
  );

  it.live("is one at a time", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ runtimeMode: "approval-required" });
      yield* prompt(session, "[[shell: true]]");
      const error = yield* Effect.flip(prompt(session, "[[say: now]]"));
      assert.match(error.message, /still at work/);
      yield* session.interrupt;
      yield* seen.nextOf("turn.completed");
      yield* prompt(session, "[[say: now]]");
      yield* seen.nextOf("turn.completed");
      assert.strictEqual(seen.text, "now");
    }).pipe(Effect.scoped),
  );

  it.live("that is interrupted while it is prepared never reaches the agent", () =>
    Effect.gen(function* () {
      const configOptions = [
        {
          id: "e",
          name: "Effort",
          category: "thought_level",
          type: "select",
          currentValue: "low",
          options: [{ value: "high", name: "High" }],
        },
      ];
      const agent = yield* playing([
        ...script.opens({}, { configOptions }),
        script.hears("session/set_config_option", 2),
        script.asks("1", "elicitation/create", { mode: "form", message: "Really?" }),
        script.hearsAnswerTo("1"),
        script.answers(2, { configOptions }),
        ...script.turn([script.says("another")]),
        script.exits,
      ]);
      const { session, seen, turn } = yield* start(agent);
      const sent = yield* Effect.forkChild(session.prompt({ text: "go", attachments: [], effort: "high" }));
      yield* seen.nextOf("user-input.requested");
      yield* session.interrupt;
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
      yield* Fiber.join(sent);
      yield* turn("go on");
      assert.strictEqual(seen.text, "another");
    }).pipe(Effect.scoped),
  );

  it.live("that the agent refuses for want of a login says how to log in", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens({ authMethods: [{ id: "x", name: "Web login" }] }),
        script.hears("session/prompt", 10),
        script.refuses(10, -32000, "Authentication required"),
        script.exits,
      ]);
      const { turn } = yield* start(agent);
      const { status, reason } = yield* turn("go");
      assert.strictEqual(status, "error");
      assert.match(reason ?? "", /Authentication required.*wants a login.*Web login/);
    }).pipe(Effect.scoped),
  );

  it.live("gets attachments in the form that the agent takes, or not at all", () =>
    Effect.gen(function* () {
      const note = {
        name: "a note.txt",
        mimeType: "text/plain",
        data: Buffer.from("remember").toString("base64"),
      };
      const image = { name: "p.png", mimeType: "image/png", data: "AAAA" };
      const plain = yield* start(yield* playing([...script.opens(), ...repeatsPrompt(10), script.exits]));
      const refused = yield* Effect.flip(plain.session.prompt({ text: "see", attachments: [note, image] }));
      assert.match(refused.message, /takes no image\/png \(p\.png\)/);
      yield* plain.session.prompt({ text: "see", attachments: [note] });
      assert.deepNestedInclude(echoed(yield* plain.seen.next(fromAgent)) as object, {
        prompt: [
          { type: "text", text: "see" },
          { type: "text", text: "a note.txt:\n\nremember" },
        ],
      });

      const rich = yield* start(
        yield* playing([
          ...script.opens({
            agentCapabilities: { promptCapabilities: { image: true, embeddedContext: true } },
          }),
          ...repeatsPrompt(10),
          script.exits,
        ]),
      );
      yield* rich.session.prompt({ text: "", attachments: [note, image] });
      assert.deepNestedInclude(echoed(yield* rich.seen.next(fromAgent)) as object, {
        prompt: [
          {
            type: "resource",
            resource: { uri: "attachment:///a%20note.txt", mimeType: "text/plain", text: "remember" },
          },
          { type: "image", data: "AAAA", mimeType: "image/png" },
        ],
      });
    }).pipe(Effect.scoped),
  );
});

describe("an earlier session", () => {
  const resuming = { agentCapabilities: { sessionCapabilities: { resume: {} }, loadSession: true } };
  const loading = { agentCapabilities: { loadSession: true } };
  const resume = { sessionId: script.sessionId };

  it.live("is resumed where the agent can", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...opensBy(resuming, "session/resume", script.answers(1, {})),
        ...script.turn([script.says("back")]),
        script.exits,
      ]);
      const { session, seen, turn } = yield* start({ ...agent, resume });
      yield* turn("go");
      assert.deepInclude(seen.events[0] as object, { providerSessionId: script.sessionId, resumed: true });
      assert.deepStrictEqual(session.resumeCursor, resume);
      assert.strictEqual(seen.text, "back");
    }).pipe(Effect.scoped),
  );

  it.live("is loaded otherwise, without its history", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...opensBy(loading, "session/load", script.says("long ago"), script.answers(1, {})),
        ...script.turn([script.says("now")]),
        script.exits,
      ]);
      const { seen, turn } = yield* start({ ...agent, resume });
      yield* turn("go");
      assert.strictEqual(seen.text, "now");
      assert.lengthOf(seen.all("message.completed"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("that the agent has forgotten is followed by a new one, and that is said", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...opensBy(
          resuming,
          "session/resume",
          script.refuses(1, -32603, "Internal error", { details: "no such session" }),
        ),
        script.hears("session/new", 2),
        script.answers(2, { sessionId: "another" }),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, resume });
      assert.deepInclude((yield* seen.nextOf("session.started")) as object, {
        providerSessionId: "another",
        resumed: false,
      });
      assert.match(
        (yield* seen.nextOf("notice")).summary,
        /could not go on.*Internal error: no such session/,
      );
      assert.deepStrictEqual(session.resumeCursor, { sessionId: "another" });
    }).pipe(Effect.scoped),
  );

  it.live("of another thread is copied where the agent can, and left as it is", () =>
    Effect.gen(function* () {
      const forking = { agentCapabilities: { sessionCapabilities: { fork: {}, resume: {} } } };
      const agent = yield* playing([
        ...opensBy(
          forking,
          "session/fork",
          script.says("long ago"),
          script.answers(1, { sessionId: script.sessionId }),
        ),
        ...script.turn([script.says("now")]),
        script.exits,
      ]);
      const { session, seen, turn } = yield* start({ ...agent, resume: { sessionId: "other" }, fork: true });
      yield* turn("go");
      assert.deepInclude(seen.events[0] as object, {
        providerSessionId: script.sessionId,
        capabilities: { steer: false, resume: true, fork: true },
        resumed: true,
      });
      assert.deepStrictEqual(session.resumeCursor, { sessionId: script.sessionId });
      assert.strictEqual(seen.text, "now");
    }).pipe(Effect.scoped),
  );

  it.live("of another thread is followed by a new one where the agent cannot copy it", () =>
    Effect.gen(function* () {
      const unable = yield* start({
        ...(yield* playing([
          ...opensBy(resuming, "session/new", script.answers(1, { sessionId: "fresh" })),
          script.exits,
        ])),
        resume: { sessionId: "other" },
        fork: true,
      });
      assert.deepInclude((yield* unable.seen.nextOf("session.started")) as object, {
        providerSessionId: "fresh",
        capabilities: { steer: false, resume: true, fork: false },
        resumed: false,
      });

      const forking = { agentCapabilities: { sessionCapabilities: { fork: {} } } };
      const refusing = yield* start({
        ...(yield* playing([
          ...opensBy(forking, "session/fork", script.refuses(1, -32602, "no such session")),
          script.hears("session/new", 2),
          script.answers(2, { sessionId: "fresh" }),
          script.exits,
        ])),
        resume: { sessionId: "other" },
        fork: true,
      });
      assert.isFalse((yield* refusing.seen.nextOf("session.started")).resumed);
      assert.match(
        (yield* refusing.seen.nextOf("notice")).summary,
        /could not copy the other session: no such/,
      );
    }).pipe(Effect.scoped),
  );

  it.live("is not asked for where the agent cannot have one", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ resume });
      assert.isFalse((yield* seen.nextOf("session.started")).resumed);
      assert.strictEqual(session.resumeCursor, null);
    }).pipe(Effect.scoped),
  );
});

describe("the agent's own settings", () => {
  const model = {
    id: "m",
    name: "Model",
    category: "model",
    type: "select",
    currentValue: "small",
    options: [
      {
        group: "g",
        name: "Group",
        options: [
          { value: "small", name: "Small" },
          { value: "large", name: "Large one" },
        ],
      },
    ],
  };
  const effort = {
    ...model,
    id: "e",
    category: "thought_level",
    currentValue: "low",
    options: [{ value: "high", name: "High" }],
  };
  const fast = { id: "fast", name: "Fast", type: "boolean", currentValue: false };
  const configOptions = [model, effort, fast, { type: "hologram" }];
  const set = (id: number): ReadonlyArray<Line> => [
    script.hears("session/set_config_option", id),
    script.echoes,
    script.answers(id, { configOptions }),
  ];

  it.live("follow the model, its options, and the effort that a person chose", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens({}, { configOptions }),
        ...set(2),
        ...set(3),
        ...set(4),
        ...script.turn([]),
        script.exits,
      ]);
      const { session, seen } = yield* start({
        ...agent,
        model: { ...agent.model, model: "Large one", options: { fast: true } },
      });
      yield* session.prompt({ text: "go", attachments: [], effort: "high" });
      yield* seen.nextOf("turn.completed");
      const { sessionId } = script;
      assert.deepStrictEqual(seen.all("notice").map(echoed), [
        { sessionId, configId: "m", value: "large" },
        { sessionId, configId: "fast", type: "boolean", value: true },
        { sessionId, configId: "e", value: "high" },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("that it does not have, or refuses, are told as ignored, and the turn goes on", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens({}, { configOptions: [model] }),
        script.hears("session/set_config_option", 2),
        script.refuses(2, -32602, "Invalid params"),
        ...script.turn([]),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, model: { ...agent.model, model: "huge" } });
      yield* session.prompt({
        text: "go",
        attachments: [],
        effort: "high",
        model: { ...agent.model, model: "large" },
      });
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("notice").map(({ summary }) => summary),
        [
          'The model "huge" was ignored: this agent knows small, large.',
          'The model "large" was ignored: Invalid params.',
          'The effort "high" was ignored: this agent has no option for effort.',
        ],
      );
    }).pipe(Effect.scoped),
  );

  it.live("follow the runtime mode where the agent has one of that name, or the launch names one", () =>
    Effect.gen(function* () {
      const modes = {
        currentModeId: "ask",
        availableModes: ["ask", "yolo", "approval-required"].map((id) => ({ id, name: id })),
      };
      const agent = yield* playing([
        ...script.opens({}, { modes }),
        ...switches(2),
        ...switches(3),
        script.exits,
      ]);
      const launch = { ...agent.agents.player, modes: { "full-access": "yolo" } };
      const { session, seen } = yield* start({
        ...agent,
        agents: { player: launch },
        runtimeMode: "approval-required",
      });
      yield* session.setRuntimeMode("full-access");
      yield* session.setRuntimeMode("auto-accept-edits");
      yield* seen.next(fromAgent);
      yield* seen.next(fromAgent);
      const { sessionId } = script;
      assert.deepStrictEqual(seen.all("notice").map(echoed), [
        { sessionId, modeId: "approval-required" },
        { sessionId, modeId: "yolo" },
      ]);
    }).pipe(Effect.scoped),
  );
});
