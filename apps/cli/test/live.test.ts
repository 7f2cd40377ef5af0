/** What is printed while an agent works, from items of the feed. */
import type { EventEnvelope, EventPayload, EventType } from "@heddle/contracts/Events";
import {
  ApprovalRequestId,
  CheckpointRef,
  EventId,
  MessageId,
  ProjectId,
  ThreadId,
  TurnId,
} from "@heddle/contracts/Ids";
import type { Message, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { describe, expect, it } from "vitest";
import { withoutMarks } from "../src/render/Colour.ts";
import { LiveTranscript } from "../src/render/Live.ts";
import { transcript } from "../src/render/Transcript.ts";

const threadId = ThreadId.make("thread-1");
const turnId = TurnId.make("turn:1");
const messageId = MessageId.make("message-1");
const at = "2026-01-31T12:00:00.000Z";
const later = "2026-01-31T12:00:02.100Z";

const snapshotWith = (messages: ReadonlyArray<Message> = []): ThreadSnapshot => ({
  snapshotSequence: 10,
  olderCursor: null,
  thread: {
    threadId,
    projectId: ProjectId.make("project-1"),
    title: "A thread",
    model: { provider: "demo" },
    branch: null,
    worktreePath: null,
    worktree: null,
    runtimeMode: "approval-required",
    latestTurnId: null,
    forkedFrom: null,
    queuedTurns: [],
    usage: null,
    context: null,
    createdAt: at,
    updatedAt: at,
    archivedAt: null,
    deletedAt: null,
    messages,
    activities: [],
    turns: [],
    checkpoints: [],
    session: null,
    pendingApprovals: [],
  },
});

let sequence = 10;
const event = <Type extends EventType>(eventType: Type, payload: EventPayload<Type>): FeedItem => {
  sequence += 1;
  const envelope = {
    sequence,
    eventId: EventId.make(`event-${sequence}`),
    aggregateKind: "thread",
    streamId: threadId,
    streamVersion: sequence,
    eventType,
    eventVersion: 1,
    occurredAt: at,
    commandId: null,
    causationEventId: null,
    correlationId: null,
    actorKind: "provider",
    payload,
    metadata: {},
  } as const;
  return { kind: "event", event: envelope as unknown as EventEnvelope };
};

const segment = (offset: number, text: string, streaming: boolean): FeedItem =>
  event("thread.message-sent", {
    threadId,
    messageId,
    turnId,
    role: "assistant",
    text,
    offset,
    streaming,
    attachments: [],
    createdAt: at,
  });

const delta = (offset: number, text: string): FeedItem => ({
  kind: "delta",
  threadId,
  messageId,
  offset,
  text,
});

const tool = (kind: string, summary: string, detail: EventPayload<"thread.activity-appended">["detail"]) =>
  event("thread.activity-appended", { threadId, turnId, tone: "tool", kind, summary, detail, createdAt: at });

const live = (snapshot = snapshotWith(), columns = 80) =>
  new LiveTranscript({ snapshot, columns: () => columns, sayStarts: false });

const printed = (view: LiveTranscript, items: ReadonlyArray<FeedItem>): string =>
  withoutMarks(items.map((item) => view.take(item)).join(""));

describe("the live transcript", () => {
  it("prints words once, as they come, whichever way they come", () => {
    const view = live();
    expect(printed(view, [delta(0, "Hello ")])).toBe("demo\n  Hello");
    expect(printed(view, [delta(6, "wor"), segment(0, "Hello wor", true), delta(9, "ld. ")])).toBe(" world.");
    expect(printed(view, [segment(9, "ld. Bye", false), delta(13, "Bye")])).toBe(" Bye\n");
  });

  it("goes on in the middle of a message that the snapshot had", () => {
    const begun: Message = {
      messageId,
      threadId,
      turnId,
      role: "assistant",
      text: "Hello ",
      fullText: null,
      attachments: [],
      isStreaming: true,
      sequence: 9,
      createdAt: at,
      updatedAt: at,
    };
    expect(printed(live(snapshotWith([begun])), [delta(3, "lo wor"), segment(6, "world", false)])).toBe(
      "demo\n  world\n",
    );
  });

  it("shows what a turn used, and that nothing is heard of it", () => {
    const view = live();
    const usage = { inputTokens: 12_300, cachedInputTokens: 6150, outputTokens: 940, costUsd: 0.1234 };
    const text = printed(view, [
      event("thread.turn-started", { threadId, turnId, turnCount: 1, messageId, startedAt: at }),
      event("thread.session-set", {
        threadId,
        session: {
          status: "running",
          providerName: "demo",
          providerSessionId: null,
          providerThreadId: null,
          activeTurnId: turnId,
          lastError: null,
          stalled: { since: at, waitsFor: "the tool: pnpm \u001B[2Jtest" },
        },
      }),
      event("thread.turn-usage-recorded", { threadId, turnId, usage, threadUsage: usage, recordedAt: at }),
      event("thread.turn-completed", {
        threadId,
        turnId,
        status: "completed",
        reason: null,
        completedAt: later,
      }),
    ]);
    expect(text).toMatch(/■ Nothing was heard since .+: it waits for the tool: pnpm\s+\^\[\[2Jtest\n/);
    expect(text).not.toContain("\u001B[2J");
    expect(text).toContain("✓ Turn 1 completed in 2.1 s · 12.3K tokens in (50% cached), 940 out, $0.12\n");
  });

  it("shows tools with what they printed, and how the turn ended", () => {
    const view = live();
    const text = printed(view, [
      event("thread.turn-started", { threadId, turnId, turnCount: 3, messageId, startedAt: at }),
      tool("tool.started", "pnpm test", { itemId: "call-1" }),
      tool("tool.failed", "pnpm test", {
        itemId: "call-1",
        content: { output: { output: "1 failed\n", exitCode: 1 } },
      }),
      segment(0, "It fails.", false),
      event("thread.turn-diff-completed", {
        threadId,
        turnId,
        turnCount: 3,
        checkpointRef: CheckpointRef.make("refs/x"),
        status: "ready",
        files: [{ path: "a.ts", kind: "modified", additions: 2, deletions: 1 }],
        assistantMessageId: null,
        completedAt: later,
      }),
      event("thread.turn-completed", {
        threadId,
        turnId,
        status: "completed",
        reason: null,
        completedAt: later,
      }),
    ]);
    expect(text).toBe(
      [
        "demo",
        "  ✗ pnpm test",
        "      1 failed",
        "      exit code 1",
        "  It fails.",
        "✓ Turn 3 completed in 2.1 s · 1 file changed, +2 −1",
        "  M a.ts  +2 −1",
        "",
        "",
      ].join("\n"),
    );
  });

  it("says what the agent is at", () => {
    const view = live();
    expect(view.doing).toBeUndefined();
    view.take(event("thread.turn-started", { threadId, turnId, turnCount: 1, messageId, startedAt: at }));
    expect(view.doing).toBe("demo works");
    view.take(tool("tool.started", "sleep 10\u001B[2J", { itemId: "call-1" }));
    expect(view.doing).toBe("sleep 10^[[2J");
  });

  it("shows what exactly is to be approved, with nothing hidden in it", () => {
    const text = printed(live(), [
      event("thread.approval-requested", {
        threadId,
        turnId,
        requestId: ApprovalRequestId.make("request:1"),
        kind: "execute",
        title: "ls\u202E\u001B[8m",
        detail: { input: { command: "ls; rm -rf ~\u001B[8m" } },
        createdAt: at,
      }),
    ]);
    expect(text).toBe("demo\n  ? ls<U+202E>^[[8m  execute\n      ls; rm -rf ~^[[8m\n");
  });

  it("lets no escape sequence through that is cut in two", () => {
    const text = printed(live(), [
      delta(0, "a\u001B"),
      delta(2, "[31mb\u001B]0;own"),
      delta(14, "ed\u0007c "),
      segment(0, "a\u001B[31mb\u001B]0;owned\u0007c ", false),
    ]);
    expect(text).toBe("demo\n  abc\n");
  });
});

describe("the transcript of a thread", () => {
  it("shows nothing that an agent or a file name could drive the terminal with", () => {
    const bad = "\u001B]0;owned\u0007\u001B[2Jx\u009B1m\u202E\u0000";
    const snapshot = snapshotWith([
      {
        messageId,
        threadId,
        turnId,
        role: "assistant",
        text: bad,
        fullText: null,
        attachments: [{ name: bad, mimeType: bad, data: "" }],
        isStreaming: false,
        sequence: 9,
        createdAt: at,
        updatedAt: at,
      },
    ]);
    const thread = {
      ...snapshot.thread,
      title: bad,
      branch: bad,
      turns: [
        {
          turnId,
          threadId,
          turnCount: 1,
          status: "error",
          userMessageId: null,
          assistantMessageId: messageId,
          reason: bad,
          usage: null,
          startedAt: at,
          completedAt: later,
        },
      ],
      activities: [
        {
          activityId: EventId.make("e"),
          threadId,
          turnId,
          tone: "tool",
          kind: "tool.completed",
          summary: bad,
          payload: { itemId: "1", content: { output: bad } },
          sequence: 10,
          createdAt: at,
        },
      ],
    } as const;
    const text = withoutMarks(transcript({ ...snapshot, thread }, { columns: 80, invocation: "heddle" }));
    expect(text).not.toMatch(/(?!\n)\p{Cc}|\u202E/u);
    expect(text).toContain("✗ Turn 1 failed after 2.1 s: x");
  });
});
