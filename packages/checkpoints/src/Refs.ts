/** Names of checkpoints: hidden refs, `refs/heddle/<thread>/<turn>/<moment>`. */
import { createHash } from "node:crypto";
import { CheckpointRef, type ThreadId } from "@heddle/contracts/Ids";
import { Effect, Schema } from "effect";
import type { Failure } from "./Failure.ts";
import { git, gitText, type Place } from "./Git.ts";

export const Moment = Schema.Literals(["start", "end", "before-revert"]);
export type Moment = typeof Moment.Type;

/**
 * A thread's part of a ref. A digest, since an id may be longer than a file name can be, may hold what git allows in
 * no ref, and may differ from another only in case. The checkpoint's message holds the id itself.
 */
export const threadKey = (threadId: ThreadId): string => createHash("sha256").update(threadId).digest("hex");

const prefix = (threadId: ThreadId): string => `refs/heddle/${threadKey(threadId)}/`;

export const refName = (threadId: ThreadId, turnCount: number, moment: Moment): CheckpointRef =>
  CheckpointRef.make(`${prefix(threadId)}${turnCount}/${moment}`);

/** The commits of a thread's checkpoints by ref. Errors: as `git`. */
export const readRefs = Effect.fn("Refs.read")(function* (
  place: Place,
  threadId: ThreadId,
): Effect.fn.Return<ReadonlyMap<string, string>, Failure> {
  const lines = yield* gitText(place, [
    "for-each-ref",
    "--format=%(objectname) %(refname)",
    prefix(threadId),
  ]);
  return new Map(
    lines
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [commit = "", ref = ""] = line.split(" ");
        return [ref, commit];
      }),
  );
});

/** Sets and deletes refs of a thread in one transaction. Errors: as `git`. */
export const writeRefs = Effect.fn("Refs.write")(function* (
  place: Place,
  change: { readonly set?: readonly [ref: string, commit: string]; readonly drop: ReadonlyArray<string> },
): Effect.fn.Return<void, Failure> {
  const drops = change.drop.map((ref) => `delete ${ref}\0\0`);
  const set = change.set === undefined ? [] : [`update ${change.set[0]}\0${change.set[1]}\0\0`];
  if (drops.length + set.length === 0) return;
  yield* git(place, ["update-ref", "--stdin", "-z"], { input: [...drops, ...set].join("") });
});

/**
 * Refs that a new start of a turn ends: a revert went back before them, and another end of that turn, or a later turn,
 * must not be taken for what follows. What was saved before a revert stays.
 */
export const supersededBy = (refs: ReadonlyMap<string, string>, threadId: ThreadId, turnCount: number) =>
  [...refs.keys()].filter((ref) => {
    const [turn, moment] = ref.slice(prefix(threadId).length).split("/");
    return (
      moment !== "before-revert" &&
      (Number(turn) > turnCount || (Number(turn) === turnCount && moment === "end"))
    );
  });
