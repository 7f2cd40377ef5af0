import { assert, describe, it } from "@effect/vitest";
import type { NewEvent } from "@heddle/contracts/Events";
import { aThread, event, NOW, running, turnOf } from "@heddle/domain/testing/support";
import { externalize } from "@heddle/event-store/Externalize";
import { Effect } from "effect";
import {
  after,
  commit,
  dropReadModel,
  freshProjections,
  logOf,
  readModel,
  restart,
  type Some,
} from "./support.ts";

const LONG = "What was said. ".repeat(5000);

const said: NewEvent = event("thread.message-sent", {
  threadId: "t1",
  messageId: "long",
  turnId: null,
  role: "user",
  text: LONG,
  offset: 0,
  streaming: false,
  attachments: [{ name: "a", mimeType: "text/plain", data: "aGk=" }],
  createdAt: NOW,
});
const queued: NewEvent = event("thread.turn-queued", {
  threadId: "t1",
  turnId: turnOf("m2"),
  messageId: "m2",
  commandId: "start-m2",
  text: LONG,
  attachments: [],
  createdAt: NOW,
});
const shown: NewEvent = event("thread.activity-appended", {
  threadId: "t1",
  turnId: null,
  tone: "tool",
  kind: "tool.completed",
  summary: "Looked",
  detail: { output: LONG },
  createdAt: NOW,
});
const diffed = (filesOmitted?: number): NewEvent =>
  event("thread.turn-diff-completed", {
    threadId: "t1",
    turnId: turnOf("m1"),
    turnCount: 1,
    checkpointRef: "refs/1",
    status: "ready",
    files: [],
    ...(filesOmitted !== undefined && { filesOmitted }),
    assistantMessageId: null,
    completedAt: NOW,
  });

/** As the writer stores it. */
const stored = (...parts: ReadonlyArray<Some>) =>
  logOf(...parts).map((envelope) => externalize(envelope).event);

describe("rows of what is too large for its event", () => {
  it.effect("are the same when they are built again", () =>
    Effect.gen(function* () {
      yield* commit(stored(aThread, running("m1"), said, queued, shown, diffed(7)));
      const live = yield* readModel;
      yield* dropReadModel;
      yield* restart();
      assert.deepStrictEqual(yield* readModel, live);
      assert.isBelow(JSON.stringify(live).length, 30_000);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("say how many files a checkpoint's list leaves out, and nothing where it is complete", () =>
    Effect.gen(function* () {
      const [cut] = yield* after("projection_checkpoints", aThread, running("m1"), diffed(7));
      assert.deepInclude(cut, { files_omitted: 7 });
      const [whole] = yield* after("projection_checkpoints", aThread, running("m1"), diffed());
      assert.deepInclude(whole, { files_omitted: null });
    }),
  );

  it.effect("of events from before there were blobs hold all of it", () =>
    Effect.gen(function* () {
      const [row] = yield* after("projection_thread_messages", aThread, said);
      assert.deepInclude(row, { text: LONG, full_text_json: null });
    }),
  );
});
