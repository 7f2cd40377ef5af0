import { describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import type { NewEvent } from "@heddle/contracts/Events";
import { CheckpointRef } from "@heddle/contracts/Ids";
import {
  AT,
  aThread,
  begins,
  diffCompleted,
  done,
  event,
  given,
  requested,
  running,
  server,
  sessionSet,
  startTurn,
  turnCompleted,
  turnOf,
  turnStarted,
} from "./support.ts";

const revertTo = (turnCount: number): ClientCommandInput => ({
  type: "thread.checkpoint.revert",
  commandId: "c2",
  threadId: "t1",
  turnCount,
  createdAt: AT,
});
const SKIPPED = [{ path: "c.ts", reason: "It was changed since." }];

const revertRequested = (turnCount: number) =>
  event("thread.checkpoint-revert-requested", { threadId: "t1", turnCount, createdAt: AT });
const reverted = (
  turnCount: number,
  removed: ReadonlyArray<string>,
  latest: string | null,
  files: ReadonlyArray<string> = [],
) =>
  event("thread.reverted", {
    threadId: "t1",
    turnCount,
    removedTurnIds: removed.map(turnOf),
    latestTurnId: latest === null ? null : turnOf(latest),
    files,
    skipped: files.length > 0 ? SKIPPED : [],
    safetyRef: "refs/heddle/safety",
  });
const complete = (
  turnCount: number,
  files: ReadonlyArray<string> = [],
  skipped: ReadonlyArray<{ readonly path: string; readonly reason: string }> = files.length > 0
    ? SKIPPED
    : [],
) =>
  server({
    type: "thread.checkpoint.revert.complete",
    turnCount,
    files,
    skipped,
    safetyRef: CheckpointRef.make("refs/heddle/safety"),
  });

/** A turn that ended, with what came of its checkpoint. */
const ended = (messageId: string, turnCount: number, checkpoint: "ready" | "missing" | "error" | null) => [
  ...running(messageId, turnCount),
  turnCompleted(messageId),
  sessionSet({ status: "ready" }),
  ...(checkpoint ? [diffCompleted(messageId, turnCount, checkpoint)] : []),
];

const three: ReadonlyArray<NewEvent> = [...aThread, ...done("m1", 1), ...done("m2", 2), ...done("m3", 3)];

describe("thread.checkpoint.revert", () => {
  it("asks for the files of any checkpoint that exists, and for those before the first turn", () => {
    for (const turnCount of [0, 1, 2, 3])
      given(three).when(revertTo(turnCount)).gives(revertRequested(turnCount));
  });

  it("is refused where there is no such checkpoint", () => {
    given(three).when(revertTo(4)).rejected("checkpoint-not-found");
    given(aThread).when(revertTo(0)).rejected("checkpoint-not-found");
    given(aThread).when(revertTo(1)).rejected("checkpoint-not-found");
  });

  it.each(["missing", "error", null] as const)(
    "is refused where the turn's checkpoint is %s",
    (checkpoint) => {
      given(aThread, ended("m1", 1, checkpoint))
        .when(revertTo(1))
        .rejected("checkpoint-not-found");
    },
  );

  it("is refused to a turn that was reverted, until that count has a checkpoint again", () => {
    const back = [...three, revertRequested(1), reverted(1, ["m2", "m3"], "m1")];
    given(back).when(revertTo(2)).rejected("checkpoint-not-found");
    given(back, done("m4", 2)).when(revertTo(2)).gives(revertRequested(2));
  });

  it("is refused during a turn", () => {
    given(three, running("m4", 4)).when(revertTo(1)).rejected("turn-in-progress");
    given(three, requested("m4")).when(revertTo(1)).rejected("turn-in-progress");
  });

  it("is refused while another is under way", () => {
    given(three, revertRequested(1)).when(revertTo(2)).rejected("revert-in-progress");
  });
});

describe("thread.checkpoint.revert.complete", () => {
  it("names the turns that go, the one that is now the latest, the files, and those that it left alone", () => {
    given(three, revertRequested(1))
      .when(complete(1, ["a.ts", "b.ts"]))
      .gives(reverted(1, ["m2", "m3"], "m1", ["a.ts", "b.ts"]));
  });

  it("lists the first 1,000 paths, and counts the others", () => {
    const files = Array.from({ length: 1200 }, (_, index) => `${index}.ts`);
    const skipped = files.map((path) => ({ path, reason: "It is a folder now." }));
    given(three, revertRequested(1))
      .when(complete(1, files, skipped))
      .gives(
        event("thread.reverted", {
          threadId: "t1",
          turnCount: 1,
          removedTurnIds: [turnOf("m2"), turnOf("m3")],
          latestTurnId: turnOf("m1"),
          files: files.slice(0, 1000),
          filesOmitted: 200,
          skipped: skipped.slice(0, 1000),
          skippedOmitted: 200,
          safetyRef: "refs/heddle/safety",
        }),
      );
  });

  it("may take every turn away, or none", () => {
    given(three, revertRequested(0))
      .when(complete(0))
      .gives(reverted(0, ["m1", "m2", "m3"], null));
    given(three, revertRequested(3))
      .when(complete(3))
      .gives(reverted(3, [], "m3"));
  });

  it("is refused where no such revert is under way", () => {
    given(three).when(complete(1)).rejected("checkpoint-not-found");
    given(three, revertRequested(2)).when(complete(1)).rejected("checkpoint-not-found");
    given(three, revertRequested(1), reverted(1, ["m2", "m3"], "m1"))
      .when(complete(1))
      .rejected("checkpoint-not-found");
  });

  it("lets the next turn take the count of the first one removed", () => {
    given(three, revertRequested(1), reverted(1, ["m2", "m3"], "m1"), requested("m4"))
      .when(server({ type: "thread.turn.begin", turnId: turnOf("m4") }))
      .gives(turnStarted("m4", 2), sessionSet({ status: "running", activeTurnId: turnOf("m4") }));
  });
});

describe("thread.checkpoint.revert.fail", () => {
  const fail = server({ type: "thread.checkpoint.revert.fail", reason: "A file is in the way." });

  it("says why, and the thread goes on as it was", () => {
    const failed = event("thread.checkpoint-revert-failed", {
      threadId: "t1",
      turnCount: 1,
      reason: "A file is in the way.",
    });
    given(three, revertRequested(1)).when(fail).gives(failed);
    given(three, revertRequested(1), failed).when(revertTo(2)).gives(revertRequested(2));
    given(three, revertRequested(1), failed).when(startTurn("m4")).gives(begins("m4"));
  });

  it("is refused where no revert is under way", () => {
    given(three).when(fail).rejected("checkpoint-not-found");
  });
});
