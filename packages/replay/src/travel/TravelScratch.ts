/** A read model in memory, of some events only: the real tables, the real projectors and the real queries over them. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import { migrate } from "@heddle/event-store/Migrations";
import type { Projector } from "@heddle/projections/Projector";
import { Queries } from "@heddle/projections/Queries";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { nodeSqliteLayer } from "@heddle/sql/NodeSqlite";
import { Context, Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";

/** An empty read model, gone with its scope. What fails in it is a bug: nothing of it is on a disk. */
export const scratchDatabase = Effect.gen(function* () {
  const database = Layer.fresh(nodeSqliteLayer({ filename: ":memory:", pragmas: [], begin: "BEGIN" }));
  const context = yield* Layer.build(database);
  const sql = Context.get(context, SqlClient.SqlClient);
  yield* migrate().pipe(Effect.provideService(SqlClient.SqlClient, sql));
  return sql;
}).pipe(Effect.orDie);

/** Events in one batch of a fold. */
const BATCH = 1000;

/** What takes projectors over events, each over those that it handles, in as many calls as one likes. */
export const folding = (sql: SqlClient.SqlClient, projectors: ReadonlyArray<Projector>) => {
  const bound = projectors.map(({ bind, table, handles }) => ({
    apply: bind(sql, table, new Map()),
    types: new Set<string>(handles),
  }));
  return Effect.fnUntraced(function* (events: ReadonlyArray<EventEnvelope>) {
    for (const { apply, types } of bound) {
      const own = events.filter(({ eventType }) => types.has(eventType));
      for (let from = 0; from < own.length; from += BATCH) {
        (yield* apply(own.slice(from, from + BATCH)))();
      }
    }
  }, Effect.orDie);
};

/** Puts rows into a table as they stood. */
export const restore = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  table: string,
  rows: ReadonlyArray<object>,
) {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first);
  yield* multiRowInsert(sql, { table, columns })(
    rows.map((row) => columns.map((column): unknown => Reflect.get(row, column))),
  );
}, Effect.orDie);

/** Says at which sequence the read model stands. */
export const standsAt = (sql: SqlClient.SqlClient, sequence: number) =>
  Effect.andThen(
    sql`DELETE FROM projection_state`,
    sql`INSERT INTO projection_state (projector, version, last_applied_sequence, fault, updated_at)
      VALUES ('travel', 1, ${sequence}, NULL, '')`,
  ).pipe(Effect.orDie);

/** The real queries, over that database. */
export const queriesOf = (sql: SqlClient.SqlClient) =>
  Queries.pipe(
    Effect.provide(Layer.fresh(Queries.layer).pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)))),
  );
