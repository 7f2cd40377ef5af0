/**
 * Takes out blobs that nothing refers to: those are found on the reading side, as of one moment; each time before some of
 * them go, what came since is looked at, while nothing else is written.
 */
import { blobsNamedIn, mayRefer } from "@heddle/event-store/BlobReferences";
import { Effect } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import type { UnreferencedBlobs } from "./BlobMarks.ts";
import type { JobMeter } from "../JobMeter.ts";
import type { PruneParts } from "./PruneStore.ts";
import { inShortSteps } from "./ShortSteps.ts";

export interface SweptBlobs {
  readonly rows: number;
  readonly bytes: number;
}

const PAGE_ROWS = 500;
/** That go in one step: SQLite walks the pages of each. */
const STEP_BYTES = 4 * 1024 * 1024;

/** So many at most, and so many bytes; one at least. */
const firstOf = (blobs: ReadonlyMap<string, number>, size: number) => {
  const some: Array<readonly [hash: string, bytes: number]> = [];
  let total = 0;
  for (const blob of blobs) {
    total += blob[1];
    if (some.length === size || (total > STEP_BYTES && some.length > 0)) break;
    some.push(blob);
  }
  return some;
};

/** Deletes those of the blobs that no event refers to which came after they were found. */
export const sweepBlobs = Effect.fn("PruneBlobs.sweepBlobs")(function* (
  { exclusively }: Pick<PruneParts, "exclusively">,
  found: UnreferencedBlobs,
  meter: JobMeter,
) {
  const sql = yield* SqlClient.SqlClient;
  const waiting = new Map(found.blobs.map(({ hash, bytes }) => [hash, bytes]));
  const total = waiting.size;
  let looked = found.headSequence;
  let [rows, bytes] = [0, 0];

  /** A blob that is JSON may refer to others. */
  const keep = (hash: string): Effect.Effect<void, SqlError.SqlError> =>
    Effect.suspend(() => {
      waiting.delete(hash);
      return Effect.flatMap(contentOf(hash), (content) => {
        const inner = content === undefined ? [] : blobsNamedIn(content);
        return Effect.forEach(
          inner.filter((other) => waiting.has(other)),
          keep,
          { discard: true },
        );
      });
    });
  const contentOf = (hash: string) =>
    Effect.map(
      sql<{ content: Uint8Array }>`SELECT content FROM orchestration_blobs
        WHERE hash = ${hash} AND instr(content, CAST('blob":"' AS BLOB)) > 0`,
      ([row]) => row && Buffer.from(row.content).toString("latin1"),
    );

  /** Looks at the next events; false where there were none. */
  const lookOn = Effect.gen(function* () {
    const events = yield* sql<{ sequence: number; payload: string | null }>`
      SELECT sequence, CASE WHEN ${sql.literal(mayRefer("payload_json"))} THEN payload_json END AS payload
      FROM orchestration_events WHERE sequence > ${looked} ORDER BY sequence LIMIT ${PAGE_ROWS}`;
    for (const { sequence, payload } of events) {
      looked = sequence;
      for (const hash of payload === null ? [] : blobsNamedIn(payload)) yield* keep(hash);
    }
    return events.length > 0;
  });

  const sweepSome = (size: number) =>
    sql.withTransaction(
      Effect.gen(function* () {
        while (yield* lookOn);
        const some = firstOf(waiting, size);
        const hashes = JSON.stringify(some.map(([hash]) => hash));
        yield* sql`DELETE FROM orchestration_blobs WHERE hash IN (SELECT value FROM json_each(${hashes}))`;
        return some;
      }),
    );

  // Most of what came since is looked at while others may write.
  while (yield* lookOn);
  yield* inShortSteps(exclusively, (size) =>
    Effect.gen(function* () {
      for (const [hash, length] of yield* sweepSome(size)) {
        waiting.delete(hash);
        rows += 1;
        bytes += length;
      }
      yield* meter.at(rows, total);
      return waiting.size > 0;
    }),
  );
  return { rows, bytes } satisfies SweptBlobs;
});
