import { assert, describe, it } from "@effect/vitest";
import { CheckpointRef, MessageId, ProviderSessionId, type TurnId } from "@heddle/contracts/Ids";
import type { CheckpointFile } from "@heddle/contracts/Model";
import { SERVER_COMMAND_TYPES } from "@heddle/contracts/Commands";
import { isServerCommand } from "../src/ServerCommand.ts";
import {
  aThread,
  AT,
  begins,
  done,
  event,
  given,
  NOW,
  projectDeleted,
  requested,
  running,
  server,
  type ServerInput,
  session,
  sessionSet,
  threadArchived,
  threadDeleted,
  turnCompleted,
  turnOf,
  turnQueued,
  turnStarted,
} from "./support.ts";

const m1 = turnOf("m1");
const begin = server({ type: "thread.turn.begin", turnId: m1 });
const complete = server({ type: "thread.turn.complete", turnId: m1, status: "completed", reason: null });

describe("thread.turn.begin", () => {
  const alive = { providerName: "demo", providerSessionId: ProviderSessionId.make("s1") } as const;

  it("counts the turn from 1, and the session runs", () => {
    given(aThread, requested("m1"), sessionSet({ ...alive, status: "ready", lastError: "Earlier." }))
      .when(begin)
      .gives(turnStarted("m1", 1), sessionSet({ ...alive, status: "running", activeTurnId: m1 }));
    given(aThread, done("m0", 1), requested("m1"))
      .when(begin)
      .gives(turnStarted("m1", 2), sessionSet({ status: "running", activeTurnId: m1 }));
  });

  it("is refused for a turn that nobody waits for: it began, it ended, it is queued, or it never was", () => {
    given(aThread).when(begin).rejected("turn-not-found");
    given(aThread, running("m1")).when(begin).rejected("turn-not-found");
    given(aThread, requested("m1"), turnCompleted("m1", "interrupted"))
      .when(begin)
      .rejected("turn-not-found");
    given(aThread, running("m0"), turnQueued("m1")).when(begin).rejected("turn-not-found");
  });
});

describe("thread.turn.complete", () => {
  it.each(["completed", "interrupted"] as const)(
    "ends the turn as %s, and the session is ready",
    (status) => {
      given(aThread, running("m1"))
        .when(server({ type: "thread.turn.complete", turnId: m1, status, reason: "max_tokens" }))
        .gives(turnCompleted("m1", status, "max_tokens"), sessionSet({ status: "ready" }));
    },
  );

  it("ends the turn in error, which the session shows", () => {
    given(aThread, running("m1"))
      .when(server({ type: "thread.turn.complete", turnId: m1, status: "error", reason: "Overloaded" }))
      .gives(
        turnCompleted("m1", "error", "Overloaded"),
        sessionSet({ status: "error", lastError: "Overloaded" }),
      );
  });

  it("ends a turn that could not begin", () => {
    given(aThread, requested("m1"))
      .when(server({ type: "thread.turn.complete", turnId: m1, status: "error", reason: "No such agent" }))
      .gives(
        turnCompleted("m1", "error", "No such agent"),
        sessionSet({ status: "error", lastError: "No such agent" }),
      );
  });

  it("starts the next in the queue, due to the prompt that waited", () => {
    given(aThread, running("m1"), turnQueued("m2"), turnQueued("m3"))
      .when(complete)
      .gives(turnCompleted("m1"), sessionSet({ status: "ready" }), begins("m2"));
  });

  it("happens once, and to the turn in progress alone", () => {
    given(aThread, done("m1", 1)).when(complete).rejected("turn-not-found");
    given(aThread, running("m0")).when(complete).rejected("turn-not-found");
    given(aThread, running("m0"), turnQueued("m1")).when(complete).rejected("turn-not-found");
    given(aThread).when(complete).rejected("turn-not-found");
  });
});

describe("thread.turn.diff.complete", () => {
  const usual: ReadonlyArray<CheckpointFile> = [
    { path: "a.ts", kind: "modified", additions: 2, deletions: 1 },
  ];
  const diff = (turnId: TurnId, turnCount: number, files = usual) =>
    server({
      type: "thread.turn.diff.complete",
      turnId,
      turnCount,
      checkpointRef: CheckpointRef.make("refs/heddle/t1/1/end"),
      status: "ready",
      files,
      assistantMessageId: MessageId.make("reply"),
    });

  it("records the checkpoint of a turn, running or ended", () => {
    const recorded = event("thread.turn-diff-completed", {
      threadId: "t1",
      turnId: m1,
      turnCount: 1,
      checkpointRef: "refs/heddle/t1/1/end",
      status: "ready",
      files: usual,
      assistantMessageId: "reply",
      completedAt: NOW,
    });
    given(aThread, running("m1")).when(diff(m1, 1)).gives(recorded);
    given(aThread, running("m1"), turnCompleted("m1")).when(diff(m1, 1)).gives(recorded);
  });

  it("lists the first 1,000 files, fewer where their paths are long, and counts the others", () => {
    const file = (path: string): CheckpointFile => ({ path, kind: "added", additions: 1, deletions: 0 });
    const short = Array.from({ length: 1001 }, (_, index) => file(`${index}.ts`));
    const long = Array.from({ length: 20 }, (_, index) => file(`${index}`.padStart(4096, "x")));
    const listed = (files: ReadonlyArray<CheckpointFile>, filesOmitted: number) =>
      event("thread.turn-diff-completed", {
        threadId: "t1",
        turnId: m1,
        turnCount: 1,
        checkpointRef: "refs/heddle/t1/1/end",
        status: "ready",
        files,
        filesOmitted,
        assistantMessageId: "reply",
        completedAt: NOW,
      });
    const world = given(aThread, running("m1"));
    world.when(diff(m1, 1, short)).gives(listed(short.slice(0, 1000), 1));
    world.when(diff(m1, 1, long)).gives(listed(long.slice(0, 16), 4));
  });

  it("is refused for a turn that the thread does not have, or has under another count", () => {
    given(aThread).when(diff(m1, 1)).rejected("turn-not-found");
    given(aThread, done("m1", 1)).when(diff(m1, 2)).rejected("turn-not-found");
    given(aThread, done("m1", 1))
      .when(diff(turnOf("m2"), 1))
      .rejected("turn-not-found");
  });

  it("is refused for a turn that was reverted meanwhile: its checkpoint is nothing to go back to", () => {
    const reverted = event("thread.reverted", {
      threadId: "t1",
      turnCount: 0,
      removedTurnIds: [m1],
      latestTurnId: null,
      files: [],
      skipped: [],
      safetyRef: "refs/heddle/safety",
    });
    given(aThread, running("m1"), turnCompleted("m1"), reverted).when(diff(m1, 1)).rejected("turn-not-found");
  });
});

describe("what an agent says and does", () => {
  const words = { turnId: m1, messageId: MessageId.make("reply"), offset: 7, text: "more" } as const;
  const said = (streaming: boolean) =>
    event("thread.message-sent", {
      threadId: "t1",
      messageId: "reply",
      turnId: m1,
      role: "assistant",
      text: "more",
      offset: 7,
      streaming,
      attachments: [],
      createdAt: NOW,
    });

  it("is a segment with streaming true, and with streaming false at the end", () => {
    given(aThread, running("m1"))
      .when(server({ type: "thread.message.assistant.delta", ...words }))
      .gives(said(true));
    given(aThread, running("m1"))
      .when(server({ type: "thread.message.assistant.complete", ...words }))
      .gives(said(false));
  });

  it("is a whole message of its own time where it was imported", () => {
    given(aThread)
      .when(
        server({
          type: "thread.message.import",
          messageId: MessageId.make("old"),
          role: "user",
          text: "Long ago",
          attachments: [],
          createdAt: "2020-01-01T00:00:00.000Z",
        }),
      )
      .gives(
        event("thread.message-sent", {
          threadId: "t1",
          messageId: "old",
          turnId: null,
          role: "user",
          text: "Long ago",
          offset: 0,
          streaming: false,
          attachments: [],
          createdAt: "2020-01-01T00:00:00.000Z",
        }),
      );
  });

  it("is an activity", () => {
    given(aThread, running("m1"))
      .when(
        server({
          type: "thread.activity.append",
          turnId: m1,
          tone: "tool",
          kind: "tool.completed",
          summary: "Ran ls",
          detail: { exitCode: 0 },
        }),
      )
      .gives(
        event("thread.activity-appended", {
          threadId: "t1",
          turnId: m1,
          tone: "tool",
          kind: "tool.completed",
          summary: "Ran ls",
          detail: { exitCode: 0 },
          createdAt: NOW,
        }),
      );
  });

  it("has its own time where it was done elsewhere", () => {
    const done = {
      turnId: null,
      tone: "tool",
      kind: "tool.completed",
      summary: "Ran ls",
      detail: null,
    } as const;
    given(aThread)
      .when(server({ type: "thread.activity.append", ...done, createdAt: AT }))
      .gives(event("thread.activity-appended", { threadId: "t1", ...done, createdAt: AT }));
  });

  it("still counts in an archived thread and in a deleted project: it happened", () => {
    const set = server({ type: "thread.session.set", session: session({ status: "ready" }) });
    given(aThread, threadArchived)
      .when(set)
      .gives(sessionSet({ status: "ready" }));
    given(aThread, projectDeleted())
      .when(set)
      .gives(sessionSet({ status: "ready" }));
  });
});

const SERVER_COMMANDS: ReadonlyArray<ServerInput> = [
  begin,
  complete,
  server({ type: "thread.session.set", session: session({ status: "ready" }) }),
  server({
    type: "thread.session.end",
    status: "stopped",
    turnStatus: "interrupted",
    reason: null,
  }),
  server({
    type: "thread.message.assistant.delta",
    turnId: m1,
    messageId: MessageId.make("reply"),
    offset: 0,
    text: "late",
  }),
  server({ type: "thread.checkpoint.revert.fail", reason: "late" }),
];

describe.each(SERVER_COMMANDS.map((command) => [command.server.type, command] as const))(
  "%s",
  (_, command) => {
    it("is refused without its thread and in a deleted one", () => {
      given().when(command).rejected("thread-not-found");
      given(aThread, running("m1"), threadDeleted()).when(command).rejected("thread-deleted");
    });
  },
);

describe("the server's commands", () => {
  it("are told from clients' by their type", () => {
    for (const type of SERVER_COMMAND_TYPES) assert.isTrue(isServerCommand({ type }));
    assert.isFalse(isServerCommand({ type: "thread.turn.start" }));
    assert.isFalse(isServerCommand({ type: "thread.turn" }));
  });
});
