import { assert, describe, it } from "@effect/vitest";
import { Exit, Schema } from "effect";
import { ClientCommand, type ClientCommandInput, SERVER_COMMAND_TYPES } from "../src/Commands.ts";

const AT = "2026-01-31T12:00:00.000Z";

/** SPEC section 2: each command with everything that it carries. */
const COMMANDS: {
  readonly [Type in ClientCommandInput["type"]]: Extract<ClientCommandInput, { type: Type }>;
} = {
  "project.create": {
    type: "project.create",
    commandId: "c",
    projectId: "p",
    title: "T",
    workspaceRoot: "/work",
    defaultModel: "codex/gpt-5",
    createdAt: AT,
  },
  "project.meta.update": {
    type: "project.meta.update",
    commandId: "c",
    projectId: "p",
    title: "T",
    workspaceRoot: "C:\\work",
    defaultModel: null,
    scripts: [{ name: "test", command: "pnpm test" }],
  },
  "project.delete": { type: "project.delete", commandId: "c", projectId: "p" },
  "thread.create": {
    type: "thread.create",
    commandId: "c",
    threadId: "t",
    projectId: "p",
    title: "T",
    model: { provider: "codex", model: "gpt-5", options: { fast: true } },
    branch: null,
    worktreePath: null,
    worktree: { branch: "feature", from: "v1.2^" },
    runtimeMode: "full-access",
    createdAt: AT,
  },
  "thread.meta.update": {
    type: "thread.meta.update",
    commandId: "c",
    threadId: "t",
    title: "T",
    model: "demo",
    branch: "main",
    worktreePath: "/tree",
  },
  "thread.delete": { type: "thread.delete", commandId: "c", threadId: "t" },
  "thread.archive": { type: "thread.archive", commandId: "c", threadId: "t" },
  "thread.unarchive": { type: "thread.unarchive", commandId: "c", threadId: "t" },
  "thread.fork": {
    type: "thread.fork",
    commandId: "c",
    threadId: "t2",
    sourceThreadId: "t",
    turnCount: 1,
    title: "T",
    createdAt: AT,
  },
  "thread.runtime-mode.set": {
    type: "thread.runtime-mode.set",
    commandId: "c",
    threadId: "t",
    runtimeMode: "auto-accept-edits",
  },
  "thread.turn.start": {
    type: "thread.turn.start",
    commandId: "c",
    threadId: "t",
    message: {
      messageId: "m",
      role: "user",
      text: "Hi",
      attachments: [{ name: "a.png", mimeType: "image/png", data: "aGk=" }],
    },
    model: "codex",
    effort: "high",
    dispatchMode: "queue",
    createdAt: AT,
  },
  "thread.queue.reorder": {
    type: "thread.queue.reorder",
    commandId: "c",
    threadId: "t",
    turnIds: ["turn:2", "turn:1"],
  },
  "thread.turn.interrupt": {
    type: "thread.turn.interrupt",
    commandId: "c",
    threadId: "t",
    turnId: "turn:c",
    createdAt: AT,
  },
  "thread.approval.respond": {
    type: "thread.approval.respond",
    commandId: "c",
    threadId: "t",
    requestId: "r",
    decision: "acceptForSession",
    createdAt: AT,
  },
  "thread.user-input.respond": {
    type: "thread.user-input.respond",
    commandId: "c",
    threadId: "t",
    requestId: "r",
    answers: { q: "a" },
    createdAt: AT,
  },
  "thread.checkpoint.revert": {
    type: "thread.checkpoint.revert",
    commandId: "c",
    threadId: "t",
    turnCount: 0,
    createdAt: AT,
  },
  "thread.session.stop": { type: "thread.session.stop", commandId: "c", threadId: "t", createdAt: AT },
};

/** What may be left out of each. */
const OPTIONAL: Partial<Record<ClientCommandInput["type"], ReadonlyArray<string>>> = {
  "project.create": ["defaultModel"],
  "project.meta.update": ["title", "workspaceRoot", "defaultModel", "scripts"],
  "thread.create": ["worktree", "runtimeMode"],
  "thread.meta.update": ["title", "model", "branch", "worktreePath"],
  "thread.fork": ["title"],
  "thread.turn.start": ["model", "effort", "dispatchMode"],
  "thread.turn.interrupt": ["turnId"],
};

/** Those that take an object with none of the keys that they know. */
const OPEN_FIELDS: ReadonlySet<string> = new Set(["answers", "worktree"]);

const decode = Schema.decodeUnknownExit(ClientCommand);
const roundTrip = (command: ClientCommand) =>
  Schema.decodeUnknownSync(ClientCommand)(
    JSON.parse(JSON.stringify(Schema.encodeSync(ClientCommand)(command))),
  );
const taken = (command: unknown) => Exit.isSuccess(decode(command));

describe.each(Object.values(COMMANDS).map((command) => [command.type, command] as const))(
  "%s",
  (type, command) => {
    const fields = Object.keys(command).filter((field) => field !== "type");

    it("is taken with all that it carries, and is the same after another way over the wire", () => {
      const exit = decode(command);
      assert.isTrue(Exit.isSuccess(exit), String(exit));
      assert.deepStrictEqual(
        Exit.map(exit, (decoded) => roundTrip(decoded)),
        exit,
      );
    });

    it.each(fields)("without %s is taken only where that may be left out", (field) => {
      const { [field]: _, ...rest }: Record<string, unknown> = command;
      assert.strictEqual(taken(rest), OPTIONAL[type]?.includes(field) ?? false);
    });

    it.each(fields)("with a %s of another kind is refused", (field) => {
      assert.isFalse(taken({ ...command, [field]: { not: "this" } }) && !OPEN_FIELDS.has(field));
      assert.isFalse(taken({ ...command, [field]: 7.5 }));
    });
  },
);

describe("a client's command", () => {
  it("is never one of the server's", () => {
    for (const type of SERVER_COMMAND_TYPES) {
      assert.isFalse(taken({ ...COMMANDS["thread.session.stop"], type }));
      assert.notProperty(COMMANDS, type);
    }
    assert.includeMembers(
      [...SERVER_COMMAND_TYPES],
      [
        "thread.session.set",
        "thread.message.assistant.delta",
        "thread.message.assistant.complete",
        "thread.turn.diff.complete",
        "thread.activity.append",
      ],
    );
  });

  it("is of a type that there is", () => {
    assert.isFalse(taken({ ...COMMANDS["thread.delete"], type: "thread.explode" }));
    assert.isFalse(taken({ commandId: "c", threadId: "t" }));
    assert.isFalse(taken(null));
  });

  it("names a worktree's branch and beginning by what git cannot take for an option", () => {
    const withWorktree = (worktree: unknown) => taken({ ...COMMANDS["thread.create"], worktree });
    assert.isTrue(withWorktree({}));
    for (const name of ["", "--orphan", "a b", "a\0b", "x".repeat(501)]) {
      assert.isFalse(withWorktree({ branch: name }), name);
      assert.isFalse(withWorktree({ from: name }), name);
    }
  });

  it("has no attachments where it says none", () => {
    const { attachments: _, ...message } = COMMANDS["thread.turn.start"].message;
    const decoded = Schema.decodeUnknownSync(ClientCommand)({ ...COMMANDS["thread.turn.start"], message });
    assert.deepStrictEqual(decoded.type === "thread.turn.start" && decoded.message.attachments, []);
  });
});
