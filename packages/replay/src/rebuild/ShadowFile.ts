/**
 * The shadow's file: opened with the live database attached to it for reading, filled with the tables of the projectors as
 * they are there, and continued where a run that was killed left it, if it is still about the same.
 */
import { hash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { Projector } from "@heddle/projections/Projector";
import type { Running } from "@heddle/projections/ProjectionWriter";
import { nodeSqliteLayer } from "@heddle/sql/NodeSqlite";
import { inList } from "@heddle/sql/InList";
import { Context, Effect, Layer, type Scope } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import type { ShadowTarget } from "./Shadow.ts";
import type { Reached } from "./ShadowFold.ts";

const PRAGMAS = [
  "journal_mode = WAL",
  // After a power cut the last pages are folded again.
  "synchronous = NORMAL",
  "wal_autocheckpoint = 16000",
  "journal_size_limit = 67108864",
  "cache_size = -32768",
  "temp_store = MEMORY",
];

/** A database file, and what SQLite keeps beside it. */
const FILES = ["", "-wal", "-shm"];

export const removeShadow = (file: string): Effect.Effect<void> =>
  Effect.promise(() => Promise.all(FILES.map((suffix) => rm(file + suffix, { force: true })))).pipe(
    Effect.asVoid,
  );

/** A connection that has the shadow as `main`, and the live database as `live`, which it cannot write. */
const connect = (file: string, database: string) => Effect.andThen(ownFile(file), open(file, database));

/** What stands in it is its owner's alone, as the database is. What SQLite keeps beside it gets the same mode. */
const ownFile = (file: string) => Effect.promise(() => writeFile(file, "", { flag: "a", mode: 0o600 }));

const open = (file: string, database: string) =>
  Layer.build(nodeSqliteLayer({ filename: file, pragmas: PRAGMAS, begin: "BEGIN" })).pipe(
    Effect.map((built) => Context.get(built, SqlClient.SqlClient)),
    Effect.tap((sql) => sql.unsafe("ATTACH ? AS live", [`${pathToFileURL(database).href}?mode=ro`])),
    Effect.tap((sql) => sql.unsafe("PRAGMA live.cache_size = -16384")),
  );

const NOTE = `CREATE TABLE main.shadow (
  identity TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  unreadable INTEGER NOT NULL
)`;

interface NoteRow {
  readonly identity: string;
  readonly sequence: number;
  readonly event_id: string;
  readonly unreadable: number;
}

export interface FoldedProjector {
  readonly projector: Projector;
  readonly until: ShadowTarget["until"];
}

export interface ShadowFile {
  readonly sql: SqlClient.SqlClient;
  /** The projectors, each with the cursor of its rows in the shadow. */
  readonly running: ReadonlyArray<Running>;
  /** Where an earlier run had come to, 0 where it began at the beginning. */
  readonly resumedFrom: number;
  /** Notes, in the caller's transaction, which event was folded last. */
  readonly note: (reached: Reached) => Effect.Effect<void, SqlError.SqlError>;
}

/** Opens the shadow for as long as the scope lives. What is left of a run about something else is begun anew. */
export const openShadow = Effect.fnUntraced(function* (
  database: string,
  file: string,
  folded: ReadonlyArray<FoldedProjector>,
): Effect.fn.Return<ShadowFile, SqlError.SqlError, Scope.Scope> {
  const goesOn = yield* Effect.scoped(
    Effect.flatMap(connect(file, database), (sql) => isContinuable(sql, folded)),
  ).pipe(Effect.catchTag("SqlError", () => Effect.succeed(false)));
  if (!goesOn) yield* removeShadow(file);
  const sql = yield* connect(file, database);
  if (!goesOn) yield* sql.withTransaction(begin(sql, folded));
  const running = yield* Effect.forEach(folded, ({ projector }) =>
    Effect.map(
      sql<{ cursor: number }>`SELECT last_applied_sequence AS cursor FROM main.projection_state
        WHERE projector = ${projector.name}`,
      ([row]): Running => ({
        projector,
        version: projector.version,
        cursor: row?.cursor ?? 0,
        fault: null,
        located: true,
      }),
    ),
  );
  return {
    sql,
    running,
    resumedFrom: goesOn && running.length > 0 ? Math.min(...running.map(({ cursor }) => cursor)) : 0,
    note: ({ event, unreadable }) =>
      event === undefined && unreadable === 0
        ? Effect.void
        : Effect.asVoid(
            sql`UPDATE main.shadow SET unreadable = unreadable + ${unreadable},
              sequence = ${event?.sequence ?? sql.literal("sequence")},
              event_id = ${event?.eventId ?? sql.literal("event_id")}`,
          ),
  };
});

/** What the rows of the shadow depend on, beside the events: if it is another, they are of no use. */
const identityOf = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  folded: ReadonlyArray<FoldedProjector>,
) {
  const pruned = yield* sql`SELECT thread_id, last_sequence, state FROM live.orchestration_pruned
    ORDER BY thread_id, last_sequence`;
  return hash(
    "sha256",
    JSON.stringify([
      folded.map(({ projector: { name, version }, until }) => [name, version, until]),
      yield* schemaOf(sql, folded),
      // Rows of threads that have left the log since would be surplus.
      pruned,
    ]),
  );
});

/** The statements that make the tables, as the live database has them. */
const schemaOf = (sql: SqlClient.SqlClient, folded: ReadonlyArray<FoldedProjector>) => {
  const tables = ["projection_state", ...folded.map(({ projector }) => projector.table)];
  return Effect.map(
    sql<{ statement: string }>`SELECT sql AS statement FROM live.sqlite_schema
      WHERE sql IS NOT NULL AND ${inList(sql, "tbl_name", tables)} ORDER BY type DESC, name`,
    (rows) => rows.map(({ statement }) => statement),
  );
};

const isContinuable = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  folded: ReadonlyArray<FoldedProjector>,
) {
  const [there] = yield* sql`SELECT 1 FROM main.sqlite_schema WHERE name = 'shadow'`;
  if (there === undefined) return false;
  const [note] = yield* sql<NoteRow>`SELECT identity, sequence, event_id, unreadable FROM main.shadow`;
  // What could not be read then may be readable now.
  if (note?.identity !== (yield* identityOf(sql, folded)) || note.unreadable > 0) return false;
  // The same event at the same place: it is still the same log.
  const [event] = yield* sql<{ eventId: string }>`SELECT event_id AS eventId FROM live.orchestration_events
    WHERE sequence = ${note.sequence}`;
  return event?.eventId === note.event_id;
});

/** Unqualified, names of tables mean those of `main`, and where it has none, those of `live`. */
const begin = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, folded: ReadonlyArray<FoldedProjector>) {
  for (const statement of yield* schemaOf(sql, folded)) yield* sql.unsafe(statement);
  yield* sql.unsafe(NOTE);
  const row = { identity: yield* identityOf(sql, folded), sequence: 0, event_id: "", unreadable: 0 };
  yield* sql`INSERT INTO main.shadow ${sql.insert(row)}`;
});
