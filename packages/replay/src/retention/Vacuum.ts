/** Gives the room in the database file that is free back to the disk: some pages at a time, while the server serves. */
import type { VacuumReport } from "@heddle/contracts/RetentionRpc";
import type { JobProgress } from "@heddle/contracts/Jobs";
import { Clock, Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { pageCounts } from "../database/DatabaseStats.ts";
import { beginPhase } from "../JobMeter.ts";
import type { Exclusively } from "./PruneStore.ts";
import { inShortSteps } from "./ShortSteps.ts";

/** Moves pages from the end of the file into the free ones, and cuts it, until none is free. */
export const vacuumInSteps = Effect.fn("Vacuum.vacuumInSteps")(function* (
  sql: SqlClient.SqlClient,
  exclusively: Exclusively,
  say: (progress: JobProgress) => Effect.Effect<unknown>,
): Effect.fn.Return<VacuumReport, SqlError.SqlError> {
  const began = yield* Clock.currentTimeMillis;
  const before = yield* pageCounts(sql);
  const meter = yield* beginPhase("vacuuming", "pages", say);
  yield* inShortSteps(exclusively, (size) =>
    Effect.gen(function* () {
      const left = yield* sql.withTransaction(freePages(sql, size));
      yield* meter.at(Math.max(0, before.freePages - left), before.freePages);
      return left > 0;
    }),
  );
  const after = yield* pageCounts(sql);
  return {
    kind: "report",
    pages: before.pages - after.pages,
    fileBytesBefore: before.pages * before.pageBytes,
    fileBytesAfter: after.pages * after.pageBytes,
    seconds: ((yield* Clock.currentTimeMillis) - began) / 1000,
  };
});

/** Frees so many pages, and gives how many are left. The driver runs one step of a pragma, which is one page. */
const freePages = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, count: number) {
  let left = (yield* pageCounts(sql)).freePages;
  for (let done = 0; done < count && left > 0; done += 1, left -= 1) {
    yield* sql.unsafe("PRAGMA incremental_vacuum(1)");
  }
  // A database from elsewhere may not keep what this needs: then nothing was freed, and nothing will be.
  const { freePages: actual } = yield* pageCounts(sql);
  return actual > left ? 0 : actual;
});
