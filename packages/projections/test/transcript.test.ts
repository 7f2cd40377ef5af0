import { assert, describe, it } from "@effect/vitest";
import {
  approvalRequested,
  approvalResolved,
  AT,
  aThread,
  event,
  NOW,
  questionAsked,
  questionResolved,
  running,
  turnOf,
} from "@heddle/domain/testing/support";
import type { NewEvent } from "@heddle/contracts/Events";
import { Effect } from "effect";
import { after, at, commit, freshProjections, logOf, readModel, segment } from "./support.ts";

const replies = (...events: ReadonlyArray<NewEvent>) =>
  Effect.map(after("projection_thread_messages", aThread, running("m1"), ...events), (rows) =>
    rows.filter((row) => row["role"] === "assistant"),
  );

const activity = (turnId: string | null) =>
  event("thread.activity-appended", {
    threadId: "t1",
    turnId,
    tone: "tool",
    kind: "tool.completed",
    summary: "Ran ls",
    detail: { output: "a\nb", exitCode: 0 },
    createdAt: NOW,
  });

describe("projection_thread_messages", () => {
  const reply = {
    message_id: "reply-to-m1",
    thread_id: "t1",
    turn_id: turnOf("m1"),
    role: "assistant",
    text: "Hello",
    full_text_json: null,
    attachments_json: "[]",
    is_streaming: 1,
    sequence: 7,
    created_at: NOW,
    updated_at: at(7),
  };

  it.effect("has a person's message whole, with what is attached", () =>
    Effect.gen(function* () {
      const attachments = [{ name: "a.txt", mimeType: "text/plain", data: "aGk=" }];
      const prompt = event("thread.message-sent", {
        threadId: "t1",
        messageId: "m1",
        turnId: turnOf("m1"),
        role: "user",
        text: "Please",
        offset: 0,
        streaming: false,
        attachments,
        createdAt: AT,
      });
      assert.deepStrictEqual<unknown>(yield* after("projection_thread_messages", aThread, prompt), [
        {
          message_id: "m1",
          thread_id: "t1",
          turn_id: turnOf("m1"),
          role: "user",
          text: "Please",
          full_text_json: null,
          attachments_json: JSON.stringify(attachments),
          is_streaming: 0,
          sequence: 3,
          created_at: AT,
          updated_at: at(3),
        },
      ]);
    }),
  );

  it.effect("grows by each segment, stands where its first one did, and streams until the last", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replies(segment("Hello", 0, true)), [reply]);
      const whole = { ...reply, text: "Hello, world 🌍", is_streaming: 0, updated_at: at(9) };
      assert.deepStrictEqual(
        yield* replies(segment("Hello", 0, true), segment(", world", 5, true), segment(" 🌍", 12, false)),
        [whole],
      );
    }),
  );

  it.effect("grows in the database as it does in memory: in one batch or in many", () =>
    Effect.gen(function* () {
      const log = logOf(
        aThread,
        running("m1"),
        segment("a", 0, true),
        segment("b", 1, true),
        segment("c", 2, true, "m1", "other"),
        segment("", 2, false),
      );
      const inBatches = (size: number) =>
        Effect.gen(function* () {
          for (let from = 0; from < log.length; from += size) yield* commit(log.slice(from, from + size));
          return yield* readModel;
        }).pipe(Effect.provide(freshProjections));
      const once = yield* inBatches(log.length);
      for (const size of [1, 2, 3, 7]) assert.deepStrictEqual(yield* inBatches(size), once);
    }),
  );
});

describe("projection_thread_activities", () => {
  it.effect("has a row for each, under the event's own id", () =>
    Effect.gen(function* () {
      const row = {
        activity_id: "event-3",
        thread_id: "t1",
        turn_id: null,
        tone: "tool",
        kind: "tool.completed",
        summary: "Ran ls",
        payload_json: '{"output":"a\\nb","exitCode":0}',
        sequence: 3,
        created_at: NOW,
      };
      const rows = yield* after(
        "projection_thread_activities",
        aThread,
        activity(null),
        activity(turnOf("m1")),
      );
      assert.deepStrictEqual<unknown>(rows, [
        row,
        { ...row, activity_id: "event-4", turn_id: turnOf("m1"), sequence: 4 },
      ]);
    }),
  );
});

const diff = (turn: string, turnCount: number, checkpointRef: string) =>
  event("thread.turn-diff-completed", {
    threadId: "t1",
    turnId: turnOf(turn),
    turnCount,
    checkpointRef,
    status: "ready",
    files: [{ path: "a.ts", kind: "added", additions: 3, deletions: 0 }],
    assistantMessageId: "reply",
    completedAt: NOW,
  });

describe("projection_checkpoints", () => {
  it.effect("has one row for each turn of a thread, as it was captured last", () =>
    Effect.gen(function* () {
      const rows = yield* after(
        "projection_checkpoints",
        aThread,
        running("m1"),
        diff("m1", 1, "refs/1"),
        diff("m2", 2, "refs/2"),
        diff("m1", 1, "refs/1-again"),
      );
      const row = {
        thread_id: "t1",
        turn_id: turnOf("m1"),
        checkpoint_turn_count: 1,
        checkpoint_ref: "refs/1-again",
        status: "ready",
        files_omitted: null,
        files_json: '[{"path":"a.ts","kind":"added","additions":3,"deletions":0}]',
        assistant_message_id: "reply",
        completed_at: NOW,
      };
      assert.deepStrictEqual<unknown>(rows, [
        row,
        { ...row, turn_id: turnOf("m2"), checkpoint_turn_count: 2, checkpoint_ref: "refs/2" },
      ]);
    }),
  );
});

describe("projection_pending_approvals", () => {
  const open = {
    request_id: "r1",
    thread_id: "t1",
    turn_id: null,
    kind: "execute",
    title: "Run a command",
    detail_json: '{"command":"ls"}',
    questions_json: "[]",
    status: "pending",
    decision: null,
    created_at: NOW,
    resolved_at: null,
    sequence: 3,
  };
  const responded = event("thread.approval-response-requested", {
    threadId: "t1",
    requestId: "r1",
    decision: "accept",
    createdAt: AT,
  });

  it.effect(
    "has an approval as pending until the agent has the answer, not only until a person gave it",
    () =>
      Effect.gen(function* () {
        const table = "projection_pending_approvals";
        assert.deepStrictEqual(yield* after(table, aThread, approvalRequested("r1")), [open]);
        assert.deepStrictEqual(yield* after(table, aThread, approvalRequested("r1"), responded), [open]);
        assert.deepStrictEqual<unknown>(
          yield* after(table, aThread, approvalRequested("r1"), responded, approvalResolved("r1", "accept")),
          [{ ...open, status: "resolved", decision: "accept", resolved_at: NOW }],
        );
      }),
  );

  it.effect("has a question under the kind user-input, with its first words as the title", () =>
    Effect.gen(function* () {
      const question = {
        ...open,
        kind: "user-input",
        title: "name?",
        detail_json: "null",
        questions_json: '[{"id":"name","prompt":"name?"},{"id":"size","prompt":"size?"}]',
      };
      const table = "projection_pending_approvals";
      const asked = questionAsked("r1", "name", "size");
      assert.deepStrictEqual(yield* after(table, aThread, asked), [question]);
      assert.deepStrictEqual<unknown>(
        yield* after(table, aThread, asked, questionResolved("r1", "expired")),
        [{ ...question, status: "resolved", decision: "expired", resolved_at: NOW }],
      );
    }),
  );
});
