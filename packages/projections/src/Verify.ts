/**
 * Whether the stored read model is the one that the log gives: it is built a second time from zero, by the same projectors,
 * in a database of its own, and compared row by row.
 */
import { Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { PROJECTORS } from "./Projectors.ts";
import type { Projector } from "./Projector.ts";
import { type ReadPage, Runner } from "./Runner.ts";

/** A row that stands on one side only. One that differs in a column gives two: as it is, and as it should be. */
export interface RowDifference {
  readonly table: string;
  readonly side: "stored" | "rebuilt";
  readonly row: Readonly<Record<string, unknown>>;
}

export interface VerifyOptions<E> {
  /** The database with the stored read model. It is read only, and must stand still meanwhile. */
  readonly stored: SqlClient.SqlClient;
  /** A database with the present schema and nothing in it. */
  readonly scratch: SqlClient.SqlClient;
  /** Its file, by which the first is compared with it. */
  readonly scratchFile: string;
  readonly readPage: ReadPage<E>;
  readonly projectors?: ReadonlyArray<Projector>;
  /** Differences of one table that are listed at most. */
  readonly limitPerTable?: number;
}

const SCRATCH = "heddle_rebuilt";
const LIMIT_PER_TABLE = 20;

/** The rows in which the stored read model differs from one that is built from zero; none where it is sound. */
export const verifyProjections = Effect.fn("Verify.verifyProjections")(function* <E>({
  stored,
  scratch,
  scratchFile,
  readPage,
  projectors = PROJECTORS,
  limitPerTable = LIMIT_PER_TABLE,
}: VerifyOptions<E>): Effect.fn.Return<ReadonlyArray<RowDifference>, E | SqlError.SqlError> {
  yield* Effect.flatMap(Runner, (runner) => runner.catchUp(readPage)).pipe(
    Effect.provide(
      Layer.fresh(Runner.layer(projectors)).pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, scratch))),
    ),
  );
  return yield* Effect.acquireUseRelease(
    stored.unsafe(`ATTACH ? AS ${SCRATCH}`, [scratchFile]),
    () => compare(stored, projectors, limitPerTable),
    () => stored.unsafe(`DETACH ${SCRATCH}`),
  );
});

/** Both ways, and with the cursors: what a projector is at, and whether it failed. When they moved does not count. */
const compare = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  projectors: ReadonlyArray<Projector>,
  limit: number,
) {
  const differences: Array<RowDifference> = [];
  const tables = [
    ...projectors.map(({ table }) => ({ table, columns: "*" })),
    { table: "projection_state", columns: "projector, version, last_applied_sequence, fault" },
  ];
  for (const { table, columns } of tables) {
    for (const [side, one, other] of [
      ["stored", "main", SCRATCH],
      ["rebuilt", SCRATCH, "main"],
    ] as const) {
      const rows = yield* sql.unsafe<Readonly<Record<string, unknown>>>(
        `SELECT ${columns} FROM ${one}.${table} EXCEPT SELECT ${columns} FROM ${other}.${table} LIMIT ${limit}`,
      );
      for (const row of rows) differences.push({ table, side, row: { ...row } });
    }
  }
  return differences;
});
