/**
 * Random streams of one thread, denser than people and agents make them: rows that many events touch, late ones among
 * them, and reverts. Any of them is one that the projectors take.
 */
import type { NewEvent } from "@heddle/contracts/Events";
import { event, NOW, threadCreated, turnOf } from "@heddle/domain/testing/support";
import fc from "fast-check";

const acts = fc.array(fc.record({ what: fc.nat(21), pick: fc.nat(5), form: fc.nat(5) }), {
  maxLength: 160,
  size: "max",
});

/** What happens in `t1` after it was created. */
export const randomThread: fc.Arbitrary<ReadonlyArray<NewEvent>> = acts.map((random) => {
  const events: Array<NewEvent> = [threadCreated("t1")];
  /** Names of the turns that stand, in order of their counts. */
  let turns: Array<string> = [];
  const requests: Array<string> = [];
  for (const [index, { what, pick, form }] of random.entries()) {
    const recent = turns.at(-1 - (pick % 3)) ?? turns.at(-1);
    const turnId = form === 0 || recent === undefined ? null : turnOf(recent);
    if (what < 6) {
      // A message may go on after its end, in another turn, and after it was removed.
      const messageId = `message-${pick < 4 ? `${Math.floor(index / 12)}-${pick % 2}` : pick}`;
      events.push(
        event("thread.message-sent", {
          threadId: "t1",
          messageId,
          turnId,
          role: form === 1 ? "user" : "assistant",
          text: `${index} `,
          offset: 0,
          streaming: form % 2 === 0,
          attachments: [],
          createdAt: NOW,
        }),
      );
    } else if (what < 9) {
      events.push(
        event("thread.activity-appended", {
          threadId: "t1",
          turnId,
          tone: "info",
          kind: "plan",
          summary: `Act ${index}`,
          detail: { index },
          createdAt: NOW,
        }),
      );
    } else if (what < 12) {
      turns.push(`p${index}`);
      events.push(
        event("thread.turn-started", {
          threadId: "t1",
          turnId: turnOf(`p${index}`),
          turnCount: turns.length,
          messageId: `p${index}`,
          startedAt: NOW,
        }),
      );
    } else if (what < 13 && turnId !== null) {
      events.push(
        event("thread.turn-completed", {
          threadId: "t1",
          turnId,
          status: "completed",
          reason: `${index}`,
          completedAt: NOW,
        }),
      );
    } else if (what < 15 && recent !== undefined) {
      events.push(
        event("thread.turn-diff-completed", {
          threadId: "t1",
          turnId: turnOf(recent),
          turnCount: form === 0 ? pick : turns.indexOf(recent) + 1,
          checkpointRef: `refs/${index}`,
          status: "ready",
          files: [{ path: `${index}`, kind: "added", additions: 1, deletions: 0 }],
          assistantMessageId: null,
          completedAt: NOW,
        }),
      );
    } else if (what < 16) {
      requests.push(`request-${index}`);
      events.push(
        event("thread.approval-requested", {
          threadId: "t1",
          turnId,
          requestId: form === 5 ? (requests.at(pick) ?? `request-${index}`) : `request-${index}`,
          kind: "edit",
          title: `${index}`,
          detail: null,
          createdAt: NOW,
        }),
      );
    } else if (what < 17) {
      const requestId = requests.at(-1 - pick) ?? "request-of-nobody";
      events.push(
        event("thread.approval-resolved", { threadId: "t1", requestId, outcome: "accept", resolvedAt: NOW }),
      );
    } else if (what < 18) {
      events.push(
        event("thread.meta-updated", {
          threadId: "t1",
          ...(form % 2 === 0 ? { title: `Title ${index}` } : { branch: `branch-${index}` }),
        }),
      );
    } else if (what < 20) {
      const usage = { inputTokens: index, cachedInputTokens: 0, outputTokens: form };
      if (turnId !== null) {
        events.push(
          event("thread.turn-usage-recorded", {
            threadId: "t1",
            turnId,
            usage,
            threadUsage: usage,
            ...(form % 2 === 0 && { context: { usedTokens: index, windowTokens: null } }),
            recordedAt: NOW,
          }),
        );
      }
    } else if (pick < 3) {
      const kept = Math.max(0, turns.length - 1 - form);
      const removed = turns.slice(kept);
      turns = turns.slice(0, kept);
      events.push(
        event("thread.reverted", {
          threadId: "t1",
          turnCount: kept,
          removedTurnIds: removed.map(turnOf),
          latestTurnId: turns.length > 0 ? turnOf(turns.at(-1) ?? "") : null,
          files: [],
          skipped: [],
          safetyRef: "refs/safety",
        }),
      );
    }
  }
  return events;
});
