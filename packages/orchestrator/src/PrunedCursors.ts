/** Which cursors cannot be continued from, since what they have seen was taken out of the log. */
import type { ThreadId } from "@heddle/contracts/Ids";
import type { Pruned } from "@heddle/event-store/Pruned";
import type { Runner } from "@heddle/projections/Runner";
import { Effect } from "effect";

/**
 * A cursor that stands before a pruned event may have seen others of that thread, and is told to take a snapshot; 0 has
 * seen nothing. That is of use only where a snapshot is beyond what was pruned, which it is not while a projection is
 * built anew: then the cursor is as good as any, and is served.
 */
export const prunedCursors = (pruned: Pruned["Service"], runner: Runner["Service"]) => {
  const snapshotSequence = Effect.map(runner.status, (states) =>
    Math.min(...states.map(({ lastAppliedSequence }) => lastAppliedSequence)),
  );

  return {
    /** Whether a subscription that begins at `from` is lost at a cursor, now or by what is pruned later. */
    watch: Effect.fnUntraced(function* (streamId: ThreadId | null, from: number) {
      const before = { all: pruned.last(), thread: streamId === null ? 0 : pruned.lastSinceStart(streamId) };
      const last = streamId === null ? before.all : yield* pruned.lastOf(streamId);
      const lostAtOnce = from > 0 && from < last && (yield* snapshotSequence) >= last;
      return (cursor: number): boolean => {
        if (lostAtOnce) return true;
        // The thread went while it was followed: whatever was seen of it is no more.
        if (streamId !== null) return pruned.lastSinceStart(streamId) !== before.thread && cursor > 0;
        return pruned.last() !== before.all && cursor > 0 && cursor < pruned.last();
      };
    }),
  };
};
