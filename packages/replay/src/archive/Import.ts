/**
 * Puts archives into a database that nobody else uses: one that is empty, or one that ends where they go on. Each is read
 * twice: to its end before anything is written, and then row by row. An import that is killed is run again, and goes on
 * from what is there.
 */
import { existsSync } from "node:fs";
import { EventStore } from "@heddle/event-store/EventStore";
import type { MigrationMismatch } from "@heddle/event-store/Migrations";
import { Quarantine, quarantiningReads } from "@heddle/event-store/Quarantine";
import {
  type DatabaseUnavailable,
  explainSqlError,
  migratedLayer,
  onlookerLayer,
  pipelineTo,
  Reader,
  readerLayer,
} from "@heddle/event-store/SqliteDatabase";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { type ProjectorStatus, Runner } from "@heddle/projections/Runner";
import { Effect, Layer, type Scope } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { ArchiveDatabaseError, type ImportProblem } from "./ArchiveErrors.ts";
import { openArchive } from "./ArchiveFile.ts";
import type { Header, Manifest } from "./ArchiveFormat.ts";
import { endOf, headOf, tablesOf } from "./ArchiveReads.ts";
import { importLines } from "./ImportLines.ts";
import { findMark, type ImportMark, removeMark, setMark } from "./ImportMark.ts";
import { noOverlap, overlapWith } from "./ImportOverlap.ts";
import { verifyArchive, type VerifyOptions } from "./ImportVerify.ts";

export interface ImportProgress {
  readonly step: "verify" | "import" | "project";
  /** Undefined while projecting, which is done once for all. */
  readonly archive: string | undefined;
  /** Bytes of the archive, or events of the log. */
  readonly done: number;
  readonly total: number;
}

export interface ImportOptions {
  /** The database's file, which this process owns. It is made if it is not there. */
  readonly database: string;
  /** In the order in which they follow each other. */
  readonly archives: ReadonlyArray<string>;
  /** Says what would be imported, and changes nothing. */
  readonly dryRun: boolean;
  readonly onProgress: (progress: ImportProgress) => Effect.Effect<void>;
}

export interface ImportedArchive {
  readonly archive: string;
  readonly header: Header;
  readonly manifest: Manifest;
  /** Where the log stood before it. */
  readonly headBefore: number;
  /** Events that were added, or would be; the others were there. */
  readonly eventsAdded: number;
}

export interface Imported {
  readonly archives: ReadonlyArray<ImportedArchive>;
  readonly headSequence: number;
  /** Empty in a dry run. */
  readonly projectors: ReadonlyArray<ProjectorStatus>;
}

type Failed = ImportProblem | SqlError.SqlError | DatabaseUnavailable | MigrationMismatch;
export type ImportError = Exclude<Failed, SqlError.SqlError> | ArchiveDatabaseError;

const PAGE_BYTES = 16 * 1024 * 1024;

/** Imports one archive after the other, and brings the projections up to date. */
export const importArchives = (options: ImportOptions): Effect.Effect<Imported, ImportError> =>
  Effect.catchTag(importAll(options), "SqlError", (error) =>
    Effect.fail(
      new ArchiveDatabaseError({
        path: options.database,
        operation: "write",
        reason: explainSqlError(error),
      }),
    ),
  );

const importAll = Effect.fn("Import.importArchives")(function* (
  options: ImportOptions,
): Effect.fn.Return<Imported, Failed> {
  const { database, archives, dryRun, onProgress } = options;
  const imported: Array<ImportedArchive> = [];
  let headSequence = 0;
  for (const archive of archives) {
    const one = yield* Effect.scoped(importOne(options, archive, headSequence));
    imported.push(one);
    headSequence = Math.max(one.headBefore, one.manifest.headSequence);
  }
  if (dryRun) return { archives: imported, headSequence, projectors: [] };
  const projectors = yield* project(headSequence, onProgress).pipe(Effect.provide(storeLayer(database)));
  return { archives: imported, headSequence, projectors };
});

/** What is there before an archive is imported. */
interface Before {
  /** The last event. */
  readonly end: number;
  /** The last sequence that was given out, to an event or to one that was pruned. */
  readonly head: number;
  readonly mark: ImportMark | undefined;
}

const importOne = Effect.fnUntraced(function* (
  { database, dryRun, onProgress }: ImportOptions,
  archive: string,
  /** In a dry run, how far the archives before this one would have come. */
  reached: number,
): Effect.fn.Return<ImportedArchive, Failed, Scope.Scope> {
  const file = yield* openArchive(archive);
  const { size } = yield* Effect.promise(() => file.stat());
  const report = (step: "verify" | "import") => (bytes: number) =>
    onProgress({ step, archive, done: Math.min(bytes, size), total: size });
  const before = yield* look(database, !dryRun);
  // Threads that an unfinished import has begun to take out count in the head already.
  const known = before.mark === undefined ? before.head : Math.max(before.mark.headBefore, before.end);
  const verified = yield* verify(database, !dryRun, {
    file,
    archive,
    end: before.end,
    reach: dryRun ? Math.max(known, reached) : known,
    onProgress: report("verify"),
  });
  const { header, manifest, eventsAfterEnd } = verified;
  const headBefore = before.mark?.sha256 === manifest.sha256 ? before.mark.headBefore : known;
  const result = { archive, header, manifest, headBefore, eventsAdded: eventsAfterEnd };
  if (dryRun) return result;

  yield* setMark(database, { archive, sha256: manifest.sha256, headBefore });
  yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
    importLines(sql, {
      file,
      archive,
      verified,
      end: before.end,
      headBefore,
      onProgress: report("import"),
    }),
  ).pipe(Effect.provide(migratedLayer(database)));
  // An older archive does not bring what an unfinished import of a newer one had still to bring.
  const finished = manifest.headSequence >= Math.max(before.end, headBefore);
  if (finished) yield* removeMark(database);
  return result;
});

/**
 * Reads what is there: an archive that does not fit changes nothing. Whoever owns the file may take back what a kill in its
 * very first moments has left, which a connection that only reads cannot.
 */
const lookerLayer = (database: string, owned: boolean) =>
  owned
    ? Layer.effect(
        SqlClient.SqlClient,
        Effect.map(Reader, (sql) => sql),
      ).pipe(Layer.provide(readerLayer(database)))
    : onlookerLayer(database);

const look = Effect.fnUntraced(function* (database: string, owned: boolean) {
  const mark = yield* findMark(database);
  if (!existsSync(database)) return { end: 0, head: 0, mark } satisfies Before;
  return yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const tables = yield* tablesOf(sql);
    if (!tables.has("orchestration_events")) return { end: 0, head: 0, mark } satisfies Before;
    const end = yield* endOf(sql);
    const head = yield* headOf(sql, tables);
    return { end, head, mark } satisfies Before;
  }).pipe(Effect.provide(lookerLayer(database, owned)), Effect.scoped);
});

const verify = (database: string, owned: boolean, options: Omit<VerifyOptions, "overlap">) =>
  options.end === 0
    ? verifyArchive({ ...options, overlap: () => Effect.succeed(noOverlap) })
    : Effect.flatMap(SqlClient.SqlClient, (sql) =>
        verifyArchive({
          ...options,
          overlap: ({ fromSequenceExclusive }) => overlapWith(sql, options.archive, fromSequenceExclusive),
        }),
      ).pipe(Effect.provide(lookerLayer(database, owned)), Effect.scoped);

const storeLayer = (database: string) =>
  Layer.mergeAll(EventStore.layer, Quarantine.layer, Runner.layer(PROJECTORS, pipelineTo(database))).pipe(
    Layer.provideMerge(migratedLayer(database)),
  );

/** The read model of what is there now. */
const project = Effect.fnUntraced(function* (
  head: number,
  onProgress: ImportOptions["onProgress"],
): Effect.fn.Return<ReadonlyArray<ProjectorStatus>, SqlError.SqlError, EventStore | Quarantine | Runner> {
  const reads = quarantiningReads(yield* EventStore, yield* Quarantine);
  const runner = yield* Runner;
  yield* runner.catchUp((fromSequenceExclusive, limit) =>
    Effect.andThen(
      onProgress({ step: "project", archive: undefined, done: fromSequenceExclusive, total: head }),
      reads.readProjected({ fromSequenceExclusive, limit, maxBytes: PAGE_BYTES }),
    ),
  );
  return yield* runner.status;
});
