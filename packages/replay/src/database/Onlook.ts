/** Looks at a database file from outside of its server: all of it at one moment, and without a change. */
import { ledgerOf } from "@heddle/event-store/Migrations";
import { explainSqlError, onlookerLayer } from "@heddle/event-store/SqliteDatabase";
import { Effect, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { checkDatabase, type DatabaseCheckOptions, isDamage, type Violation } from "./DatabaseCheck.ts";
import { databaseStats, type DatabaseStats } from "./DatabaseStats.ts";
import { unreferencedBlobs } from "../retention/BlobMarks.ts";
import { shareOfReceipts } from "../retention/PrunableReceipts.ts";
import { chooseThreads, sharesOf } from "../retention/PruneReads.ts";

/** A database file cannot be looked at. */
export class NotLookedAt extends Schema.TaggedError<NotLookedAt>()("NotLookedAt", {
  path: Schema.String,
  reason: Schema.Literals(["unreadable", "damaged", "other-version", "no-database"]),
  message: Schema.String,
}) {}

const onlook = <A>(
  path: string,
  look: (sql: SqlClient.SqlClient) => Effect.Effect<A, SqlError.SqlError>,
): Effect.Effect<A, NotLookedAt> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    return yield* sql.withTransaction(Effect.andThen(requirePresent(sql, path), look(sql)));
  }).pipe(
    Effect.provide(onlookerLayer(path)),
    Effect.catchTags({
      DatabaseUnavailable: ({ message }) =>
        Effect.fail(new NotLookedAt({ path, reason: "unreadable", message })),
      SqlError: (error) =>
        Effect.fail(
          new NotLookedAt({
            path,
            reason: isDamage(error) ? "damaged" : "unreadable",
            message: `${path} cannot be read: ${explainSqlError(error)}.`,
          }),
        ),
    }),
  );

/** The tables are those that this version knows. */
const requirePresent = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, path: string) {
  const { known, pending, mismatch } = yield* ledgerOf(sql);
  if (!known) {
    return yield* new NotLookedAt({
      path,
      reason: "no-database",
      message: `${path} is no database of Heddle.`,
    });
  }
  if (mismatch !== undefined) {
    return yield* new NotLookedAt({ path, reason: "other-version", message: mismatch.message });
  }
  if (pending.length > 0) {
    return yield* new NotLookedAt({
      path,
      reason: "other-version",
      message: `${path} was last used with an earlier version of Heddle. A server of this version brings it up to date when it starts.`,
    });
  }
});

/** Every place where the database is not what it should be. */
export const checkDatabaseFile = (
  path: string,
  options: DatabaseCheckOptions,
): Effect.Effect<ReadonlyArray<Violation>, NotLookedAt> => onlook(path, (sql) => checkDatabase(sql, options));

export interface Reclaimable {
  readonly what: "deleted-threads" | "archived-threads" | "receipts" | "blobs";
  readonly count: number;
  readonly bytes: number;
}

/** Before these moments things are old enough to be pruned. */
export interface Ages {
  readonly threads: string;
  readonly receipts: string;
}

/** What the file is made of, and what a prune could give back. */
export const databaseStatsOf = (
  path: string,
  ages: Ages,
): Effect.Effect<DatabaseStats & { readonly reclaimable: ReadonlyArray<Reclaimable> }, NotLookedAt> =>
  onlook(path, (sql) =>
    Effect.gen(function* () {
      const stats = yield* databaseStats(sql, path);
      return { ...stats, reclaimable: yield* reclaimable(sql, ages) };
    }),
  );

const reclaimable = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { threads, receipts }: Ages,
): Effect.fn.Return<ReadonlyArray<Reclaimable>, SqlError.SqlError> {
  const { chosen } = yield* chooseThreads(sql, {
    deletedBefore: threads,
    archivedBefore: threads,
    threadIds: [],
  });
  const ofThreads = Effect.fnUntraced(function* (reason: "deleted" | "archived") {
    const those = chosen.filter((thread) => thread.reason === reason);
    const shares = yield* Effect.forEach(those, ({ threadId }) => sharesOf(sql, threadId));
    return { count: those.length, bytes: total(shares.flat()) };
  });
  const old = yield* shareOfReceipts(sql, receipts);
  const { blobs } = yield* unreferencedBlobs(sql, []);
  return [
    { what: "deleted-threads", ...(yield* ofThreads("deleted")) },
    { what: "archived-threads", ...(yield* ofThreads("archived")) },
    { what: "receipts", count: old.rows, bytes: old.bytes },
    { what: "blobs", count: blobs.length, bytes: total(blobs) },
  ];
});

const total = (parts: ReadonlyArray<{ readonly bytes: number }>): number =>
  parts.reduce((sum, { bytes }) => sum + bytes, 0);
