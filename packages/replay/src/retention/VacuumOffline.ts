/** Rewrites a database that nobody uses: `VACUUM`, which also puts its rows in order, and needs as much room again. */
import { explainSqlError, writerLayer } from "@heddle/event-store/SqliteDatabase";
import { Effect, Schema } from "effect";
import { SqlClient } from "effect/sql";
import { pageCounts } from "../database/DatabaseStats.ts";

/** The database could not be rewritten, and is as it was. */
export class NotVacuumed extends Schema.TaggedError<NotVacuumed>()("NotVacuumed", {
  path: Schema.String,
  message: Schema.String,
}) {}

export interface Vacuumed {
  readonly pages: number;
  readonly fileBytesBefore: number;
  readonly fileBytesAfter: number;
}

/** The caller holds the lock of its folder. A kill leaves the database as it was. */
export const vacuumOffline = Effect.fn("VacuumOffline.vacuumOffline")(function* (
  path: string,
): Effect.fn.Return<Vacuumed, NotVacuumed> {
  return yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const before = yield* pageCounts(sql);
    yield* sql.unsafe("VACUUM");
    yield* sql.unsafe("PRAGMA wal_checkpoint(TRUNCATE)");
    const after = yield* pageCounts(sql);
    return {
      pages: before.pages - after.pages,
      fileBytesBefore: before.pages * before.pageBytes,
      fileBytesAfter: after.pages * after.pageBytes,
    };
  }).pipe(
    Effect.provide(writerLayer(path)),
    Effect.catchTags({
      DatabaseUnavailable: ({ message }) => Effect.fail(new NotVacuumed({ path, message })),
      SqlError: (error) =>
        Effect.fail(
          new NotVacuumed({ path, message: `${path} was not rewritten: ${explainSqlError(error)}.` }),
        ),
    }),
  );
});
